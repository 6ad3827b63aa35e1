"""Fragmentation against the definition, written out pod by pod and device by device."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shoal.scheduler.plugins.gpu.fragmentation import FreeNodes, fragmentation
from shoal.scheduler.plugins.gpu.typical_pods import PodShape, TypicalSet
from shoal.scheduler.state.gpu_shares import GpuShares

MODELS = ("", "T4", "V100")
MILLI = st.sampled_from((0, 100, 250, 500, 1000))


def measured(
    typical: list[tuple[PodShape, float]], nodes: list[tuple[int, str, list[int]]]
) -> list[float]:
    """Nodes by cpu, model and what is left of each of two devices."""
    shares, pods = GpuShares(), TypicalSet(typical)
    free = FreeNodes(
        np.array([cpu for cpu, _, _ in nodes], np.int64),
        np.array([left for _, _, left in nodes], np.int64).T,
        np.array([shares.model_number(model) for _, model, _ in nodes], np.int64),
    )
    return fragmentation(free, pods, pods.allowed_models(shares)).tolist()


def by_definition(
    typical: list[tuple[PodShape, float]], cpu: int, model: str, left: list[int]
) -> float:
    lost = 0.0
    for pod, frequency in typical:
        large = [milli for milli in left if milli >= pod.gpu_milli]
        fits = (
            pod.gpu_milli > 0
            and (not pod.models or model in pod.models)
            and len(large) >= pod.gpu_count
            and cpu >= pod.cpu_millis
        )
        unusable = [milli for milli in left if not fits or milli < pod.gpu_milli]
        lost += frequency * sum(unusable)
    return lost


def test_three_typical_pods_on_a_node_by_hand() -> None:
    """The half fits and can use both devices. The pair does not fit, the pod without GPUs uses
    none: 0.4 of the 1500 that are left."""
    typical = [
        (PodShape(4000, 500, 1), 0.6),
        (PodShape(8000, 1000, 2), 0.3),
        (PodShape(8000), 0.1),
    ]
    assert np.allclose(measured(typical, [(10_000, "", [500, 1000])]), [600.0])
    assert np.allclose(measured(typical, [(10_000, "", [400, 1000])]), [0.6 * 400 + 0.4 * 1400])
    assert np.allclose(measured(typical, [(3000, "", [500, 1000])]), [1500.0])


def test_a_node_of_another_model_is_lost_to_a_pod_that_names_one() -> None:
    typical = [(PodShape(0, 500, 1, frozenset({"T4"})), 1.0)]
    nodes = [(1, "T4", [500, 600]), (1, "V100", [500, 600]), (1, "", [500, 600])]
    assert measured(typical, nodes) == [0.0, 1100.0, 1100.0]


def test_without_typical_pods_nothing_is_lost() -> None:
    assert measured([], [(1, "", [500, 600])]) == [0.0]


@given(
    st.lists(
        st.builds(
            lambda cpu, milli, count, models: PodShape(
                cpu, milli, count if milli else 0, frozenset(models) if milli else frozenset()
            ),
            st.sampled_from((0, 1000, 4000)),
            MILLI,
            st.integers(1, 3),
            st.lists(st.sampled_from(MODELS[1:]), max_size=2),
        ),
        min_size=1,
        max_size=6,
    ),
    st.lists(
        st.tuples(
            st.sampled_from((0, 999, 1000, 4000, 9000)),
            st.sampled_from(MODELS),
            st.lists(MILLI, min_size=2, max_size=2),
        ),
        min_size=1,
        max_size=100,
    ),
)
def test_many_nodes_at_once_are_as_by_definition(
    shapes: list[PodShape], nodes: list[tuple[int, str, list[int]]]
) -> None:
    typical = [(shape, 1 / len(shapes)) for shape in shapes]
    expected = [by_definition(typical, *node) for node in nodes]
    assert np.allclose(measured(typical, nodes), expected)
