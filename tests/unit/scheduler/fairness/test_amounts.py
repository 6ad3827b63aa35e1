"""Which names of a resource list queues count, and what of a request is beyond a limit."""

from shoal.scheduler.fairness import amounts


def test_names_that_only_a_quota_has_are_left_out():
    raw = {
        "cpu": "1500m",
        "memory": "1Gi",
        "pods": "2",
        "nvidia.com/gpu": "1",
        "requests.cpu": "1",
        "limits.cpu": "1",
        "requests.nvidia.com/gpu": "1",
        "count/pods": "2",
        "services": "1",
    }
    assert amounts.of_resource_list(raw) == {
        "cpu": 1500,
        "memory": 2**30,
        "pods": 2,
        "nvidia.com/gpu": 1,
    }


def test_a_capability_of_zero_cpu_is_no_limit_but_one_of_zero_devices_is():
    assert amounts.limits_of({"cpu": "0", "memory": "0", "nvidia.com/gpu": "0"}) == {
        "nvidia.com/gpu": 0
    }


def test_only_requested_resources_can_be_beyond_a_limit():
    held, limit = {"cpu": 5, "memory": 9, "pods": 1}, {"cpu": 4, "memory": 10, "pods": 1}
    assert amounts.beyond(held, {"memory": 1, "cpu": 0, "x/y": 7}, limit) == ()
    assert amounts.beyond(held, {"memory": 2, "pods": 1}, limit) == ("memory", "pods")


def test_a_share_is_nothing_where_it_names_nothing():
    assert amounts.fits({}, {"cpu": 0, "memory": 2}, {"memory": 2})
    assert not amounts.fits({}, {"cpu": 1}, {"memory": 2})


def test_the_larger_is_taken_of_each_resource():
    assert amounts.larger_of({"a": 1, "b": 3}, {"b": 2, "c": 4}) == {"a": 1, "b": 3, "c": 4}
