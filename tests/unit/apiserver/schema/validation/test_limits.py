"""Which ResourceQuotas and LimitRanges are refused, and the defaults of the latter."""

import pytest

from shoal.apiserver.schema.builtin import builtin_schema

QUOTA = builtin_schema("", "v1", "ResourceQuota")
RANGE = builtin_schema("", "v1", "LimitRange")


def quota(hard=None, **spec):
    return {"metadata": {"name": "q", "namespace": "n"}, "spec": {"hard": hard or {}, **spec}}


def limit_range(**item):
    return {"metadata": {"name": "l", "namespace": "n"}, "spec": {"limits": [item]}}


def selecting(scope, operator, *values):
    requirement = {"scopeName": scope, "operator": operator, "values": list(values)}
    return {"scopeSelector": {"matchExpressions": [requirement]}}


@pytest.mark.parametrize(
    "body",
    [
        quota({"pods": "1", "cpu": "1", "limits.memory": "1Gi", "requests.nvidia.com/gpu": "4"}),
        quota({"count/jobs.batch": "3", "hugepages-2Mi": "1Gi", "requests.hugepages-2Mi": "1Gi"}),
        quota({"gold.storageclass.storage.k8s.io/requests.storage": "1Ti"}),
        quota({"pods": "1"}, scopes=["BestEffort", "NotTerminating"]),
        quota({"pods": "1"}, **selecting("PriorityClass", "In", "high")),
        {"metadata": {"name": "q", "namespace": "n"}},
    ],
)
def test_sound_quotas_are_taken(body):
    assert QUOTA.validate(body, None) == []


@pytest.mark.parametrize(
    ("body", "field", "text"),
    [
        (quota({"gpus": "1"}), "spec.hard[gpus]", "must be a standard resource for quota"),
        (quota({"pods": "1.5"}), "spec.hard[pods]", "must be an integer"),
        (quota({"cpu": "-1"}), "spec.hard[cpu]", "must be greater than or equal to 0"),
        (quota({"a b/c": "1"}), "spec.hard[a b/c]", "prefix part"),
        (quota(scopes=["Sometimes"]), "spec.scopes", "unsupported scope"),
        (quota({"cpu": "1"}, scopes=["BestEffort"]), "spec.scopes", "applied to resource"),
        (
            quota(scopes=["Terminating", "NotTerminating"]),
            "spec.scopes", "conflicting scopes",
        ),
        (
            quota(**selecting("PriorityClass", "In")),
            "spec.scopeSelector.matchExpressions.values", "must be at least one value",
        ),
        (
            quota(**selecting("PriorityClass", "Exists", "high")),
            "spec.scopeSelector.matchExpressions.values", "must be no value",
        ),
        (
            quota(**selecting("PriorityClass", "Like", "high")),
            "spec.scopeSelector.matchExpressions.operator", "not a valid selector operator",
        ),
        (
            quota(**selecting("BestEffort", "In", "x")),
            "spec.scopeSelector.matchExpressions.operator", "must be 'Exist'",
        ),
    ],
)  # fmt: skip
def test_unsound_quotas_are_refused(body, field, text):
    found = QUOTA.validate(body, None)
    assert any(cause.field == field and text in cause.message for cause in found), found


def test_the_scopes_of_a_quota_stay():
    old, new = quota({"pods": "1"}, scopes=["BestEffort"]), quota({"pods": "1"})
    assert [cause.field for cause in QUOTA.validate(new, old)] == ["spec.scopes"]


@pytest.mark.parametrize(
    ("item", "field", "text"),
    [
        ({"type": "Node"}, "spec.limits[0].type", "must be a standard limit type"),
        ({"type": "Pod", "default": {"cpu": "1"}}, "spec.limits[0].default", "may not be"),
        (
            {"type": "Container", "max": {"gpus": "1"}},
            "spec.limits[0].max[gpus]", "must be a standard resource for containers",
        ),
        (
            {"type": "Container", "min": {"cpu": "2"}, "max": {"cpu": "1"}},
            "spec.limits[0].min[cpu]", "min value 2 is greater than max value 1",
        ),
        (
            {"type": "Container", "default": {"cpu": "2"}, "max": {"cpu": "1"}},
            "spec.limits[0].default[cpu]", "default value 2 is greater than max value 1",
        ),
        (
            {"type": "Container", "maxLimitRequestRatio": {"cpu": "0.5"}},
            "spec.limits[0].maxLimitRequestRatio[cpu]", "ratio 500m is less than 1",
        ),
        (
            {
                "type": "Pod", "maxLimitRequestRatio": {"cpu": "3"},
                "min": {"cpu": "1"}, "max": {"cpu": "2"},
            },
            "spec.limits[0].maxLimitRequestRatio[cpu]", "greater than max/min = 2.000000",
        ),
        (
            {"type": "PersistentVolumeClaim", "max": {"cpu": "1"}},
            "spec.limits[0].limits", "either minimum or maximum storage value is required",
        ),
    ],
)  # fmt: skip
def test_unsound_limit_ranges_are_refused(item, field, text):
    found = RANGE.validate(limit_range(**item), None)
    assert any(cause.field == field and text in cause.message for cause in found), found


def test_a_type_stands_once_in_a_limit_range():
    body = limit_range(type="Pod")
    body["spec"]["limits"] *= 2
    assert [cause.field for cause in RANGE.validate(body, None)] == ["spec.limits[1].type"]


def test_limits_of_containers_follow_from_each_other():
    body = limit_range(type="Container", max={"cpu": "4"}, min={"cpu": "1", "memory": "1Mi"})
    RANGE.default(body)
    item = body["spec"]["limits"][0]
    assert item["default"] == {"cpu": "4"}
    assert item["defaultRequest"] == {"cpu": "4", "memory": "1Mi"}
    assert RANGE.validate(body, None) == []
    again = limit_range(**item)
    RANGE.default(again)
    assert again == body
