"""Which taints a pod puts up with.

Source of the rules: Kubernetes v1.36, component-helpers/scheduling/corev1/helpers.go and
core/v1/toleration.go. The Lt and Gt operators are behind a gate that is off by default, and
match nothing here.
"""

from collections.abc import Iterable, Sequence

from shoal.api.node import Taint
from shoal.api.pod import Toleration

_HARD = ("NoSchedule", "NoExecute")


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """An empty key or effect of the toleration stands for any."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    match toleration.operator:
        case "" | "Equal":
            return toleration.value == taint.value
        case "Exists":
            return True
        case _:
            return False


def is_tolerated(taint: Taint, tolerations: Iterable[Toleration]) -> bool:
    return any(tolerates(each, taint) for each in tolerations)


def keep_out(taints: Iterable[Taint], tolerations: Sequence[Toleration]) -> bool:
    """Whether any of the taints forbids pods with these tolerations the node."""
    return any(each.effect in _HARD and not is_tolerated(each, tolerations) for each in taints)
