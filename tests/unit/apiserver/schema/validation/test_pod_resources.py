"""What a pod may ask for as a whole, with the server's texts."""

import pytest

from shoal.apiserver.schema.builtin import builtin_schema

POD = builtin_schema("", "v1", "Pod")


def defaulted(resources, *containers, **spec):
    named = [
        {"name": f"c{index}", "image": "i", "resources": each}
        for index, each in enumerate(containers or [{}])
    ]
    obj = {"metadata": {"name": "a"}, "spec": {"containers": named, "resources": resources} | spec}
    assert POD.decode_error(obj) is None
    POD.default(obj)
    return obj


def problems(resources, *containers, **spec):
    return [str(each) for each in POD.validate(defaulted(resources, *containers, **spec), None)]


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        (
            {"requests": {"cpu": "-1"}},
            'spec.resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0',
        ),
        (
            {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}},
            'spec.resources.requests: Invalid value: "2": must be less than or equal to cpu limit '
            "of 1",
        ),
        (
            {"requests": {"ephemeral-storage": "1Gi"}},
            "spec.resources.requests[ephemeral-storage]: Unsupported value: "
            '"ephemeral-storage": supported values: "cpu", "hugepages-", "memory"',
        ),
    ],
)
def test_amounts_of_the_whole_pod_are_judged_as_those_of_containers(resources, expected):
    assert expected in problems(resources)


def test_a_pod_asks_for_no_less_than_its_containers_do():
    asking = {"requests": {"cpu": "750m"}}
    assert problems({"requests": {"cpu": "1"}}, asking, asking) == [
        'spec.resources.requests[cpu]: Invalid value: "1": must be greater than or equal to '
        "aggregate container requests of 1500m"
    ]
    assert problems({"requests": {"cpu": "1500m"}}, asking, asking) == []


def test_containers_that_start_one_after_the_other_are_not_added_up():
    asking = {"requests": {"memory": "1Gi"}}
    init = {"name": "i", "image": "i", "resources": asking}
    again = init | {"name": "j"}
    resources = {"requests": {"memory": "1Gi"}}
    assert problems(resources, asking, initContainers=[init, again]) == []


def test_no_container_has_a_higher_limit_than_its_pod():
    assert problems({"limits": {"cpu": "2"}}, {"limits": {"cpu": "3"}, "requests": {"cpu": 1}}) == [
        'spec.resources.containers[0][cpu].limits: Invalid value: "3": must be less than or equal '
        "to pod limits of 2"
    ]


def test_what_a_pod_does_not_request_as_a_whole_its_containers_do_or_its_limit():
    resources = {"limits": {"cpu": "2", "memory": "1Gi"}}
    spec = defaulted(resources, {"requests": {"cpu": "500m"}}, {"requests": {"cpu": "1"}})["spec"]
    assert spec["resources"]["requests"] == {"cpu": "1500m", "memory": "1Gi"}


def test_a_pod_without_limits_as_a_whole_is_left_as_it_is():
    resources = {"requests": {"memory": "1Gi"}}
    spec = defaulted(resources, {"requests": {"cpu": "500m"}})["spec"]
    assert spec["resources"] == {"requests": {"memory": "1Gi"}}


def test_a_pod_has_the_huge_pages_of_its_containers():
    huge = {"hugepages-2Mi": "4Mi", "memory": "1Gi"}
    resources = {"limits": {"cpu": "1"}}
    spec = defaulted(resources, {"limits": huge})["spec"]
    assert spec["resources"]["limits"] == {"cpu": "1", "hugepages-2Mi": "4Mi"}
    assert spec["resources"]["requests"] == {"cpu": "1", "hugepages-2Mi": "4Mi", "memory": "1Gi"}
    assert problems(resources, {"limits": huge}) == []


def test_overhead_takes_nothing_away():
    assert problems({}, overhead={"cpu": "-1"}) == [
        'spec.overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0'
    ]
    assert problems({}, overhead={"cpu": "1"}) == []
