"""What a plugin answers: a code, and reasons for people.

Names and effects of the codes: Kubernetes v1.36, kube-scheduler/framework/interface.go.
"""

from dataclasses import dataclass, replace
from enum import IntEnum


class Code(IntEnum):
    """Order is the framework's."""

    SUCCESS = 0
    ERROR = 1
    """Something broke; the cycle ends and the pod comes back after a back-off."""
    UNSCHEDULABLE = 2
    """Rejected; freeing room by preemption may help."""
    UNSCHEDULABLE_AND_UNRESOLVABLE = 3
    """Rejected, and preemption cannot help."""
    WAIT = 4
    """Permit only: hold the placed pod."""
    SKIP = 5
    """The plugin has nothing to say about this pod; its later points are not run."""
    PENDING = 6
    """Rejected until something outside happens; then the pod is tried at once."""

    @property
    def label(self) -> str:
        """The framework's spelling, as messages and recorded cases have it."""
        return "".join(word.capitalize() for word in self.name.split("_"))


# Looked up once: this is asked dozens of times a cycle.
_SUCCESS = Code.SUCCESS
_REJECTED = frozenset((Code.UNSCHEDULABLE, Code.UNSCHEDULABLE_AND_UNRESOLVABLE, Code.PENDING))


@dataclass(frozen=True, slots=True)
class Status:
    """A plugin's answer; `SUCCESS` and the functions below make one."""

    code: Code
    reasons: tuple[str, ...] = ()
    plugin: str = ""
    """Who rejected; filled in by the framework."""

    @property
    def is_success(self) -> bool:
        return self.code is _SUCCESS

    @property
    def is_rejected(self) -> bool:
        return self.code in _REJECTED

    @property
    def message(self) -> str:
        return ", ".join(self.reasons)

    def by(self, plugin: str) -> "Status":
        """The same answer with its author."""
        return self if self.plugin else replace(self, plugin=plugin)


SUCCESS = Status(Code.SUCCESS)
SKIP = Status(Code.SKIP)


def error(text: str, plugin: str = "") -> Status:
    return Status(Code.ERROR, (text,), plugin)


def unschedulable(*reasons: str) -> Status:
    return Status(Code.UNSCHEDULABLE, reasons)


def unresolvable(*reasons: str) -> Status:
    return Status(Code.UNSCHEDULABLE_AND_UNRESOLVABLE, reasons)
