"""A pod's quality of service, from its requests and limits."""

import pytest

from shoal.apiserver.schema.qos import qos_class_of

FULL = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ([{}], "BestEffort"),
        ([{"limits": {"nvidia.com/gpu": "1"}}], "BestEffort"),
        ([{"requests": {"cpu": "0"}}], "BestEffort"),
        ([{"requests": {"cpu": "1"}}], "Burstable"),
        ([{"limits": FULL, "requests": FULL}], "Guaranteed"),
        ([{"limits": FULL, "requests": {"cpu": "1000m", "memory": "1024Mi"}}], "Guaranteed"),
        ([{"limits": FULL, "requests": FULL}, {}], "Burstable"),
        ([{"limits": FULL, "requests": {"cpu": "1", "memory": "1Mi"}}], "Burstable"),
    ],
)
def test_the_class_follows_from_requests_and_limits(resources, expected):
    assert qos_class_of({"containers": [{"resources": r} for r in resources]}) == expected


def test_resources_of_the_whole_pod_count_instead_of_the_containers():
    pod = {"resources": {"limits": FULL, "requests": FULL}, "containers": [{}]}
    assert qos_class_of(pod) == "Guaranteed"
