"""LimitRanges: what they fill in, and what they have against pods and claims."""

import msgspec
import pytest

from shoal.api.core import LimitRange
from shoal.api.storage import PersistentVolumeClaim
from shoal.apiserver.limits.range_rules import (
    ANNOTATION,
    against_claim,
    against_pod,
    fill_in_pod,
    in_one,
)
from shoal.testing.builders import make_pod


def limit_range(kind="Container", **item):
    return msgspec.convert({"spec": {"limits": [{"type": kind, **item}]}}, LimitRange)


def pod(requests=None, limits=None):
    resources = {"requests": requests or {}, "limits": limits or {}}
    return make_pod("p").container(resources=resources)


def test_containers_get_what_they_do_not_ask_for():
    manifest = pod({"cpu": "1"}).init_req(memory="1Gi").manifest()
    defaults = limit_range(default={"cpu": "2"}, defaultRequest={"cpu": "500m", "memory": "8Mi"})
    fill_in_pod(manifest, defaults)
    assert manifest["spec"]["containers"][0]["resources"] == {
        "requests": {"cpu": "1", "memory": "8Mi"}, "limits": {"cpu": "2"},
    }  # fmt: skip
    assert manifest["spec"]["initContainers"][0]["resources"] == {
        "requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "2"},
    }  # fmt: skip
    assert manifest["metadata"]["annotations"][ANNOTATION] == (
        "LimitRanger plugin set: memory request for container c0; cpu limit for container c0;"
        " cpu request for init container i0; cpu limit for init container i0"
    )


def test_a_pod_that_says_everything_is_left_alone():
    manifest = pod({"cpu": "1"}, {"cpu": "1"}).manifest()
    before = pod({"cpu": "1"}, {"cpu": "1"}).manifest()
    fill_in_pod(manifest, limit_range(default={"cpu": "2"}, defaultRequest={"cpu": "2"}))
    assert manifest == before


MIN = "minimum cpu usage per Container is 1"
MAX = "maximum cpu usage per Container is 1"
MAX_MEMORY = "maximum memory usage per Container is 1Gi"
RATIO = "cpu max limit to request ratio per Container is 2, but"
RATIO_OF_2 = {"maxLimitRequestRatio": {"cpu": "2"}}


@pytest.mark.parametrize(
    ("item", "requests", "limits", "text"),
    [
        ({"min": {"cpu": "1"}}, {}, {}, MIN + ".  No request is specified"),
        ({"min": {"cpu": "1"}}, {"cpu": "0.5"}, {}, MIN + ", but request is 500m"),
        ({"min": {"cpu": "1"}}, {"cpu": "1"}, {"cpu": "0.5"}, MIN + ", but limit is 500m"),
        ({"max": {"memory": "1024Mi"}}, {}, {}, MAX_MEMORY + ".  No limit is specified"),
        ({"max": {"cpu": "1"}}, {}, {"cpu": "2"}, MAX + ", but limit is 2"),
        ({"max": {"cpu": "1"}}, {"cpu": "2"}, {"cpu": "1"}, MAX + ", but request is 2"),
        (RATIO_OF_2, {}, {"cpu": "1"}, RATIO + " no request is specified or request is 0"),
        (RATIO_OF_2, {"cpu": "1"}, {}, RATIO + " no limit is specified or limit is 0"),
        (RATIO_OF_2, {"cpu": "1"}, {"cpu": "3"}, RATIO + " provided ratio is 3.000000"),
    ],
)  # fmt: skip
def test_what_is_out_of_range_is_told_in_the_words_of_kubernetes(item, requests, limits, text):
    assert against_pod(pod(requests, limits).obj(), limit_range(**item)) == [text]


def test_what_is_in_range_is_not_told():
    item = {"min": {"cpu": "1"}, "max": {"cpu": "2"}, "maxLimitRequestRatio": {"cpu": "2"}}
    assert against_pod(pod({"cpu": "1"}, {"cpu": "2"}).obj(), limit_range(**item)) == []


def test_a_limit_of_pods_is_about_the_sum():
    two = pod({"cpu": "1"}, {"cpu": "1"}).container(resources={"limits": {"cpu": "2"}}).obj()
    assert against_pod(two, limit_range("Pod", max={"cpu": "2"})) == [
        "maximum cpu usage per Pod is 2, but limit is 3"
    ]
    assert against_pod(two, limit_range("Pod", max={"cpu": "3"})) == []


def test_claims_have_a_smallest_and_a_largest_size():
    spec = {"resources": {"requests": {"storage": "3Gi"}}}
    claim = msgspec.convert({"spec": spec}, PersistentVolumeClaim)
    item = {"min": {"storage": "4Gi"}, "max": {"storage": "2Gi"}}
    found = against_claim(claim, limit_range("PersistentVolumeClaim", **item))
    assert in_one(found) == (
        "[minimum storage usage per PersistentVolumeClaim is 4Gi, but request is 3Gi,"
        " maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi]"
    )
    assert against_claim(claim, limit_range("Container", **item)) == []
