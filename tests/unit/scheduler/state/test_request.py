"""What a pod asks for, by Kubernetes' rules of adding up."""

import pytest

from shoal.scheduler.state import pod_info, request
from shoal.testing.builders import PodBuilder, make_pod

MI = 2**20


def amounts(pod: PodBuilder) -> dict[str, int]:
    return dict(request.of_pod(pod.obj().spec).amounts)


def test_containers_add_up() -> None:
    pod = make_pod("a").req(cpu="1", memory="1Mi").req(cpu="500m")
    assert amounts(pod) == {"cpu": 1500, "memory": MI}


def test_fractions_are_rounded_up() -> None:
    assert amounts(make_pod("a").req(cpu="0.1001", memory="1.5")) == {"cpu": 101, "memory": 2}


def test_an_init_container_counts_where_it_is_larger() -> None:
    pod = make_pod("a").req(cpu="1", memory="3Mi").init_req(cpu="2", memory="1Mi")
    assert amounts(pod) == {"cpu": 2000, "memory": 3 * MI}


def test_a_sidecar_runs_beside_containers_and_later_init_containers() -> None:
    sidecar_first = make_pod("a").req(cpu="1").init_req("Always", cpu="1").init_req(cpu="3")
    assert amounts(sidecar_first) == {"cpu": 4000}
    sidecar_last = make_pod("a").req(cpu="1").init_req(cpu="3").init_req("Always", cpu="1")
    assert amounts(sidecar_last) == {"cpu": 3000}


def test_overhead_comes_on_top() -> None:
    assert amounts(make_pod("a").req(cpu="1").spec(overhead={"cpu": "100m"})) == {"cpu": 1100}


def test_pod_level_requests_replace_those_of_containers() -> None:
    pod = make_pod("a").req(cpu="1", memory="1Mi").spec(resources={"requests": {"cpu": "4"}})
    assert amounts(pod) == {"cpu": 4000, "memory": MI}
    assert dict(request.of_containers(pod.obj().spec).amounts) == {"cpu": 1000, "memory": MI}


def test_only_native_and_scalar_resources_count() -> None:
    pod = make_pod("a").req({"example.com/gpu": "2", "hugepages-2Mi": "4Mi", "odd": "1"})
    assert amounts(pod) == {"example.com/gpu": 2, "hugepages-2Mi": 4 * MI}


def test_what_nobody_has_is_cut_to_what_a_column_holds() -> None:
    pod = make_pod("a").req(cpu="1E", memory="9E").req(cpu="1E", memory="9E")
    assert amounts(pod) == {"cpu": request.MOST, "memory": request.MOST}
    found = request.of_pod(pod.obj().spec)
    assert found.non_zero_cpu_millis == found.non_zero_memory_bytes == request.MOST


def test_zeros_are_left_out() -> None:
    assert amounts(make_pod("a").req(cpu="0")) == {}


@pytest.mark.parametrize(
    ("pod", "cpu_millis", "memory_bytes"),
    [
        (make_pod("a").container(), 100, 200 * MI),
        (make_pod("a").container().container(), 200, 400 * MI),
        (make_pod("a").req(cpu="0", memory="0"), 0, 0),
        (make_pod("a").req(cpu="2"), 2000, 200 * MI),
        (
            make_pod("a").container().spec(resources={"requests": {"cpu": "1"}}),
            1000,
            200 * MI,
        ),
    ],
)
def test_scores_count_a_default_for_what_is_not_stated(
    pod: PodBuilder, cpu_millis: int, memory_bytes: int
) -> None:
    asked = request.of_pod(pod.obj().spec)
    assert (asked.non_zero_cpu_millis, asked.non_zero_memory_bytes) == (cpu_millis, memory_bytes)


def test_equal_requests_are_equal() -> None:
    one, other = (make_pod(name).req(memory="1Gi", cpu="1").obj().spec for name in "ab")
    assert hash(request.of_pod(one)) == hash(request.of_pod(other))
    assert request.of_pod(one) == request.of_pod(other)


def resizing(spec: str, actual: str, allocated: str, reason: str = "Deferred") -> PodBuilder:
    status = {
        "name": "c0",
        "image": "app",
        "imageID": "",
        "ready": True,
        "restartCount": 0,
        "resources": {"requests": {"cpu": actual}},
        "allocatedResources": {"cpu": allocated},
    }
    pod = make_pod("a").req(cpu=spec).node("n").status(containerStatuses=[status])
    return pod.condition("PodResizePending", "True", reason)


@pytest.mark.parametrize(
    ("spec", "actual", "allocated", "reason", "counted"),
    [
        ("2", "1", "1", "Deferred", 2000),
        ("1", "2", "1", "Deferred", 2000),
        ("1", "1", "3", "Deferred", 3000),
        ("9", "1", "2", "Infeasible", 2000),
    ],
)
def test_a_pod_that_is_resized_in_place_counts_as_the_largest(
    spec: str, actual: str, allocated: str, reason: str, counted: int
) -> None:
    pod = resizing(spec, actual, allocated, reason).obj()
    assert dict(pod_info.of(pod).request.amounts) == {"cpu": counted}


def test_the_status_of_a_pod_that_has_no_node_does_not_count() -> None:
    pod = resizing("1", "2", "2").node("").obj()
    assert dict(pod_info.of(pod).request.amounts) == {"cpu": 1000}
