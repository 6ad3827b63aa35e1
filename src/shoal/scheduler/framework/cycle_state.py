"""Data that plugins pass along one scheduling cycle, from PreFilter to PostBind.

Keys are the plugins' own. Equal pods share what PreFilter, Filter and PreScore wrote; from Reserve
on each pod has a clone.
"""

from collections.abc import Mapping
from typing import Any, Protocol, Self, TypeVar, cast

from shoal.base.guard import Failed, attempt

_T = TypeVar("_T")


class StateData(Protocol):
    """What may be stored: anything that can be cloned; immutable data returns itself."""

    def clone(self) -> Self: ...


class CycleState:
    """One pod's data in one cycle, by key."""

    def __init__(self) -> None:
        self._data: dict[str, StateData | Failed] = {}
        """What could not be cloned is lost to the clone; its reader is told."""
        self.skip_filter: frozenset[str] = frozenset()
        """Plugins whose PreFilter said Skip."""
        self.skip_score: frozenset[str] = frozenset()
        """Plugins whose PreScore said Skip."""

    def read(self, key: str, type: type[_T]) -> _T:
        """Raises LookupError where nobody wrote the key, TypeError where it holds another type."""
        data = self._data.get(key)
        if data is None:
            raise LookupError(f"cycle state has no {key!r}")
        if isinstance(data, Failed):
            raise LookupError(f"cycle state lost {key!r} when it was cloned: {data.text}")
        if not isinstance(data, type):
            raise TypeError(f"cycle state holds no {type.__name__} under {key!r}")
        return data

    def write(self, key: str, data: StateData) -> None:
        """Raises TypeError for data that cannot be cloned, so that the plugin that wrote it is
        told, and not the next one's cycle."""
        if not hasattr(data, "clone"):
            kind = type(data).__name__
            raise TypeError(f"cycle state takes data with a method clone, and a {kind} has none")
        self._data[key] = data

    def delete(self, key: str) -> None:
        """Nothing happens where nobody wrote the key."""
        self._data.pop(key, None)

    def clone(self) -> "CycleState":
        copy = CycleState()
        clones = attempt(_clones, self._data)
        copy._data = _clones_one_by_one(self._data) if isinstance(clones, Failed) else clones
        copy.skip_filter = self.skip_filter
        copy.skip_score = self.skip_score
        return copy


def _clones(data: Mapping[str, StateData | Failed]) -> dict[str, StateData | Failed]:
    """Raises what the first one raises."""
    return {key: each.clone() for key, each in cast(Mapping[str, Any], data).items()}


def _clones_one_by_one(data: Mapping[str, StateData | Failed]) -> dict[str, StateData | Failed]:
    return {
        key: each if isinstance(each, Failed) else attempt(each.clone) for key, each in data.items()
    }
