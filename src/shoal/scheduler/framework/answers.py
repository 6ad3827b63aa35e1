"""What a plugin may answer at each point; whatever else it answers becomes a sentence.

The types of `plugin` say it too, but they hold nothing at run time, and a `None` where a `Status`
is due would otherwise break far from the plugin that forgot a `return`.
"""

import math
import numbers
from collections.abc import Callable, Hashable, Sequence, Set
from typing import Any, cast

import numpy as np

from shoal.scheduler.effects import BeforeBinding, Bind, Effect
from shoal.scheduler.framework.cluster_event import ClusterEvent, QueueingHint, Registration
from shoal.scheduler.framework.plugin import PostFilterResult, PreFilterResult
from shoal.scheduler.framework.status import Code, Status
from shoal.scheduler.state.node_table import IntArray

_VERDICTS = frozenset(Code) - {Code.WAIT, Code.SKIP}
_INT64 = np.iinfo(np.int64)


class WrongAnswer(Exception):
    """The text says what was answered and what is due."""


Check = Callable[[Any, Sequence[Any]], Any]
"""(answer, arguments of the call): the answer to go on with. Raises WrongAnswer."""


def status(answer: Any, *more: Code) -> Status:
    """Every code but Wait and Skip is a verdict; `more` are those that the point knows besides."""
    if not isinstance(answer, Status):
        raise WrongAnswer(f"{_described(answer)}, where a Status is due")
    code, reasons = cast(Any, answer.code), cast(Any, answer.reasons)
    if not isinstance(code, Code):
        raise WrongAnswer(f"a Status whose code is {_described(code)}, not a Code")
    if code not in _VERDICTS and code not in more:
        raise WrongAnswer(f"a Status with code {code.label}, which has no meaning there")
    if not isinstance(reasons, tuple) or not all(isinstance(each, str) for each in reasons):
        raise WrongAnswer("a Status whose reasons are no tuple of texts")
    return answer


def verdict(answer: Any, arguments: Sequence[Any]) -> Status:
    return status(answer)


def verdict_or_skip(answer: Any, arguments: Sequence[Any]) -> Status:
    return status(answer, Code.SKIP)


def anything(answer: Any, arguments: Sequence[Any]) -> Any:
    return answer


def pre_filter(answer: Any, arguments: Sequence[Any]) -> tuple[PreFilterResult | None, Status]:
    result, said = _pair(answer, "(PreFilterResult or None, Status)")
    if result is not None:
        names = cast(Any, result).node_names if isinstance(result, PreFilterResult) else ()
        if names is not None and not isinstance(names, Set):
            raise WrongAnswer(f"{_described(result)}, where a PreFilterResult with a set is due")
    return result, status(said, Code.SKIP)


def post_filter(answer: Any, arguments: Sequence[Any]) -> tuple[PostFilterResult | None, Status]:
    result, said = _pair(answer, "(PostFilterResult or None, Status)")
    if result is not None:
        if not isinstance(result, PostFilterResult):
            raise WrongAnswer(f"{_described(result)}, where a PostFilterResult is due")
        if not isinstance(result.nominated_node_name, str | None):
            raise WrongAnswer("a nominated node that is no name")
        if not all(isinstance(each, Effect) for each in cast(Any, result.effects)):
            raise WrongAnswer("a PostFilterResult whose effects are none")
    return result, status(said)


def score(answer: Any, arguments: Sequence[Any]) -> tuple[int, Status]:
    number, said = _pair(answer, "(score, Status)")
    told = status(said)
    return (_whole_number(number) if told.is_success else 0), told


def permission(answer: Any, arguments: Sequence[Any]) -> tuple[Status, float]:
    said, timeout_s = _pair(answer, "(Status, seconds)")
    told = status(said, Code.WAIT)
    if told.code is not Code.WAIT:
        return told, 0.0
    if not isinstance(timeout_s, numbers.Real) or math.isnan(timeout_s) or timeout_s < 0:
        raise WrongAnswer(f"{_described(timeout_s)} seconds to wait")
    return told, float(timeout_s)


def patches(answer: Any, arguments: Sequence[Any]) -> tuple[tuple[BeforeBinding, ...], Status]:
    found, said = _pair(answer, "(tuple of PatchPod, Status)")
    if not isinstance(found, tuple) or not all(isinstance(each, BeforeBinding) for each in found):
        raise WrongAnswer(f"{_described(found)}, where a tuple of PatchPod is due")
    return found, status(said, Code.SKIP)


def binding(answer: Any, arguments: Sequence[Any]) -> tuple[Bind | None, Status]:
    effect, said = _pair(answer, "(Bind or None, Status)")
    told = status(said, Code.SKIP)
    if not isinstance(effect, Bind | None):
        raise WrongAnswer(f"{_described(effect)}, where a Bind or None is due")
    if effect is None and told.is_success:
        raise WrongAnswer("Success without a Bind")
    _, pod, node_name, _ = arguments
    if effect is not None and (effect.pod.uid, effect.node_name) != (pod.uid, node_name):
        raise WrongAnswer(f"a Bind of {effect.pod} to {effect.node_name}, which is another binding")
    return effect, told


def one_a_row(answer: Any, arguments: Sequence[Any]) -> IntArray:
    _, _, nodes = arguments
    return _whole_numbers(answer, nodes.size)


def codes(answer: Any, arguments: Sequence[Any]) -> IntArray | None:
    """None: all pass."""
    return None if answer is None else one_a_row(answer, arguments)


def normalized_scores(answer: Any, arguments: Sequence[Any]) -> IntArray:
    _, _, scores = arguments
    return _whole_numbers(answer, scores.size)


def rejection(answer: Any, arguments: Sequence[Any]) -> Status:
    """What a reason code stands for."""
    if not status(answer).is_rejected:
        raise WrongAnswer(f"{answer.code.label} for a node that it rejected")
    return answer


def hint(answer: Any, arguments: Sequence[Any]) -> QueueingHint:
    if not isinstance(answer, QueueingHint):
        raise WrongAnswer(f"{_described(answer)}, where a QueueingHint is due")
    return answer


def registrations(answer: Any, arguments: Sequence[Any]) -> Sequence[Registration]:
    if not isinstance(answer, Sequence):
        raise WrongAnswer(f"{_described(answer)}, where a sequence of Registrations is due")
    for each in answer:
        if not isinstance(each, Registration) or not isinstance(each.event, ClusterEvent):
            raise WrongAnswer(f"{_described(each)}, where a Registration of a ClusterEvent is due")
    return answer


def hashable(answer: Any, arguments: Sequence[Any]) -> Hashable:
    """Raises TypeError for what is not."""
    hash(answer)
    return answer


def sort_key(answer: Any, arguments: Sequence[Any]) -> Any:
    """Raises what comparing raises."""
    _ = bool(answer < answer)
    return answer


def _whole_number(answer: Any) -> int:
    if not isinstance(answer, numbers.Integral):
        raise WrongAnswer(f"{_described(answer)}, where a whole number is due")
    if not _INT64.min <= int(answer) <= _INT64.max:
        raise WrongAnswer(f"{answer}, which is beyond 64 bits")
    return int(answer)


def _whole_numbers(answer: Any, size: int) -> IntArray:
    if not isinstance(answer, np.ndarray):
        raise WrongAnswer(f"{_described(answer)}, where an array is due")
    if answer.shape != (size,):
        raise WrongAnswer(f"an array of shape {answer.shape} for {size} rows")
    if answer.dtype.kind == "f" and not np.isfinite(answer).all():
        raise WrongAnswer("an array with NaN or infinity")
    if answer.dtype.kind not in "iub":
        raise WrongAnswer(f"an array of {answer.dtype}, where whole numbers are due")
    return answer.astype(np.int64, copy=False)


def _pair(answer: Any, due: str) -> tuple[Any, Any]:
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise WrongAnswer(f"{_described(answer)}, where a pair {due} is due")
    return answer


def _described(answer: Any) -> str:
    """Short, and safe for whatever it is."""
    if answer is None or isinstance(answer, bool | int | float):
        return repr(answer)
    if isinstance(answer, Status):
        return "a bare Status"
    if isinstance(answer, tuple):
        return f"a tuple of {len(answer)}"
    name = type(answer).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
