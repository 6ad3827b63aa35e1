"""Which tolerations put up with which taints."""

import pytest

from shoal.api.node import Taint
from shoal.api.pod import Toleration
from shoal.api.tolerations import tolerates

TAINT = Taint(key="k", value="v", effect="NoSchedule")


@pytest.mark.parametrize(
    ("toleration", "expected"),
    [
        (Toleration(key="k", value="v", effect="NoSchedule"), True),
        (Toleration(key="k", value="v"), True),
        (Toleration(key="k", operator="Equal", value="other"), False),
        (Toleration(key="k"), False),
        (Toleration(key="k", operator="Exists"), True),
        (Toleration(key="other", operator="Exists"), False),
        (Toleration(operator="Exists"), True),
        (Toleration(operator="Exists", effect="NoExecute"), False),
        (Toleration(key="k", operator="Lt", value="v"), False),
    ],
)
def test_which_tolerations_put_up_with_a_taint(toleration: Toleration, expected: bool) -> None:
    assert tolerates(toleration, TAINT) is expected
