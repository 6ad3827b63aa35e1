"""Call code of others without trusting it: whatever it raises becomes a value.

With `supervision` the only place of a broad `except`: a plugin that raises must cost its own
verdict, never the process that asked it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar, TypeVarTuple

_Args = TypeVarTuple("_Args")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Failed:
    """What the call raised."""

    error: Exception

    @property
    def text(self) -> str:
        """For people: the message, or the kind of error where there is none."""
        return str(self.error) or type(self.error).__name__


class CallTookTooLong(Exception):
    """A bounded call was interrupted, or ended later than it should. `watchdog` bounds calls."""

    def __init__(self, limit_s: float) -> None:
        super().__init__(f"took longer than {limit_s:g}s")


def attempt(call: Callable[[*_Args], _T], *args: *_Args) -> _T | Failed:
    """The call's answer, or `Failed`."""
    try:
        return call(*args)
    except Exception as error:
        return Failed(error)


async def attempt_async(call: Awaitable[_T]) -> _T | Failed:
    """What the awaitable gives, or `Failed`; being cancelled is not a failure."""
    try:
        return await call
    except Exception as error:
        return Failed(error)
