"""What distinguishes the runtimes: how a spec becomes a launch order, and what that cannot honour.

Everything else, from records to exits, is theirs in common (containers.py).
"""

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from shoal.agent.runtime.paths import PodPaths
from shoal.agent.runtime.protocol import ContainerSpec, Verdict
from shoal.agent.runtime.shim.order import Isolation

TERMINATION_VARIABLE = "SHOAL_TERMINATION_LOG"
"""Where the last words go, whatever the runtime can do about terminationMessagePath."""
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, kw_only=True)
class ConfinedProgram:
    """The part of a launch order that depends on the runtime."""

    argv: list[str]
    env: Mapping[str, str]
    working_dir: str
    user_id: int | None
    isolation: Isolation | None
    capabilities: list[int] | None
    """None where they cannot be changed, and there are none."""


class Confinement(Protocol):
    """One way to confine a container; the shim runtime does all else."""

    @property
    def level(self) -> str: ...

    @property
    def isolates(self) -> bool:
        """Mounts and processes of a container are its own."""
        ...

    @property
    def changes_users(self) -> bool:
        """A container may be any user of the host."""
        ...

    def honours(self, spec: ContainerSpec) -> Verdict: ...

    def confine(self, spec: ContainerSpec, paths: PodPaths) -> ConfinedProgram: ...


def base_environment(spec: ContainerSpec) -> dict[str, str]:
    """What a container engine provides before the container's own variables."""
    return {
        "PATH": os.environ.get("PATH", _DEFAULT_PATH),
        "HOSTNAME": spec.pod.hostname,
        "HOME": _home(os.geteuid() if spec.user_id is None else spec.user_id),
    }


def _home(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_dir
    except KeyError:
        return "/"
