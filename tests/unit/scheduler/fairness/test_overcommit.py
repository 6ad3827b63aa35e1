"""How much may be promised of a cluster, with the figures of Volcano's own table."""

import pytest

from shoal.scheduler.fairness.overcommit import Overcommit
from tests.unit.scheduler.fairness.shared_clusters import GPU, nodes, of

TWO_NODES = nodes(2 + 4, 4 + 16)


@pytest.mark.parametrize(
    ("factor", "wanted", "overused"),
    [
        (1.2, of(20, 20), ("cpu",)),
        (1.2, of(2, 2), ()),
        (1.2, of(7.2), ()),
        (1.2, of(7.201), ("cpu",)),
        (1.0, of(6.001, 20.5), ("cpu", "memory")),
        (1.2, of(1, gpu=1), (GPU,)),
        (1.2, {GPU: 0}, ()),
    ],
)
def test_a_group_may_be_promised_no_more_than_the_factor_allows(
    factor: float, wanted: dict[str, int], overused: tuple[str, ...]
):
    assert Overcommit(factor, TWO_NODES, {}, {}).overused(wanted) == overused


def test_what_is_held_and_what_is_promised_already_count():
    overcommit = Overcommit(1.2, TWO_NODES, of(4), of(1))
    assert overcommit.overused(of(2.2)) == ()
    overcommit.admit(of(2))
    assert overcommit.overused(of(0.3)) == ("cpu",)
