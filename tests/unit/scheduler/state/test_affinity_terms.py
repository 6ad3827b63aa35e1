"""What a pod's affinity terms mean, and which pods they are about."""

from typing import Any

import pytest

from shoal.api.core import NAMESPACES, Namespace
from shoal.api.meta import ObjectKey, ObjectMeta
from shoal.api.selectors import parse_labels
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.affinity_terms import NO_TERMS, AffinityTerm
from shoal.scheduler.state.namespaces import Namespaces
from shoal.scheduler.state.objects import Objects
from shoal.scheduler.state.pod_matcher import PodMatcher
from shoal.testing.builders import PodBuilder, make_pod

WEB = {"app": "web"}


def namespaces(**labels: dict[str, str]) -> Namespaces:
    objects = Objects()
    for name, own in labels.items():
        namespace = Namespace(metadata=ObjectMeta(name=name, labels=own))
        objects.set(NAMESPACES, ObjectKey("", name), namespace)
    return Namespaces(objects)


def term_of(pod: PodBuilder) -> AffinityTerm:
    (term,) = pod_info.of(pod.obj()).affinity_terms.required
    return term


def near_web(**fields: Any) -> AffinityTerm:
    return term_of(make_pod("a").labels(rev="7").pod_affinity("zone", WEB, **fields))


def test_a_pod_without_terms_has_none() -> None:
    assert pod_info.of(make_pod().node_affinity("disk", "ssd").obj()).affinity_terms is NO_TERMS


def test_a_term_without_namespaces_is_about_the_pods_own() -> None:
    assert term_of(make_pod().namespace("x").pod_affinity("zone", WEB)).namespaces == {"x"}
    assert near_web(namespaces=["y"]).namespaces == {"y"}
    assert near_web(namespaceSelector={}).namespaces == set()


def test_anti_affinity_that_is_preferred_weighs_below_zero() -> None:
    pod = make_pod().pod_affinity("zone", WEB, weight=5).pod_anti_affinity("zone", WEB, weight=7)
    preferred = pod_info.of(pod.obj()).affinity_terms.preferred
    assert [each.weight for each in preferred] == [5, -7]


@pytest.mark.parametrize("merged", [True, False])
def test_label_keys_count_whether_the_api_server_merged_them_or_not(merged: bool) -> None:
    term = near_web(matchLabelKeys=["rev", "none"], mismatchLabelKeys=["app"])
    if merged:
        expressions = [{"key": "rev", "operator": "In", "values": ["7"]}]
        selector = {"matchLabels": WEB, "matchExpressions": expressions}
        term = near_web(matchLabelKeys=["rev"], labelSelector=selector)
    assert term.selector is not None
    assert term.selector.matches({"app": "web", "rev": "7"})
    assert not term.selector.matches({"app": "web", "rev": "8"})


def test_a_mismatched_key_excludes_the_pods_own_value() -> None:
    pod = make_pod().labels(app="web", rev="7")
    term = term_of(pod.pod_affinity("zone", WEB, mismatchLabelKeys=["rev"]))
    assert term.selector is not None
    assert not term.selector.matches({"app": "web", "rev": "7"})
    assert term.selector.matches({"app": "web", "rev": "8"})


def test_a_term_without_selector_is_about_no_pod() -> None:
    known = namespaces()
    term = near_web(labelSelector=None)
    assert known.matcher(term) is None
    assert not known.matches(term, pod_info.of(make_pod().obj()))


def test_namespaces_are_named_or_selected() -> None:
    known = namespaces(dev={"env": "dev"}, prod={"env": "prod"})
    term = near_web(namespaces=["other"], namespaceSelector={"matchLabels": {"env": "dev"}})
    matcher = PodMatcher(parse_labels("app=web"), frozenset({"other", "dev"}))
    assert known.matcher(term) == matcher
    found = {
        name
        for name in ("dev", "prod", "other", "unknown")
        if known.matches(term, pod_info.of(make_pod().namespace(name).labels(app="web").obj()))
    }
    assert found == matcher.namespaces


def test_an_empty_namespace_selector_means_every_namespace() -> None:
    term = near_web(namespaceSelector={})
    assert namespaces().matcher(term) == PodMatcher(parse_labels("app=web"), None)
    assert namespaces().matches(
        term, pod_info.of(make_pod().namespace("x").labels(app="web").obj())
    )


def test_a_namespace_that_gets_the_label_is_meant_from_then_on() -> None:
    objects = Objects()
    known = Namespaces(objects)
    term = near_web(namespaceSelector={"matchLabels": {"env": "dev"}})
    assert known.matcher(term) == PodMatcher(parse_labels("app=web"), frozenset())
    late = Namespace(metadata=ObjectMeta(name="late", labels={"env": "dev"}))
    objects.set(NAMESPACES, ObjectKey("", "late"), late)
    assert known.matcher(term) == PodMatcher(parse_labels("app=web"), frozenset({"late"}))
