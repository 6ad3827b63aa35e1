"""The `sandbox` runtime: a container has mounts, a process tree and a hostname of its own."""

import posixpath
from collections.abc import Sequence
from pathlib import PurePath

from shoal.agent.runtime.confinement import (
    TERMINATION_VARIABLE,
    ConfinedProgram,
    base_environment,
)
from shoal.agent.runtime.host_view import HostView
from shoal.agent.runtime.paths import PodPaths
from shoal.agent.runtime.privileges import granted
from shoal.agent.runtime.protocol import ContainerSpec, Mount, Verdict
from shoal.agent.runtime.shim.order import BindMount, Isolation

MOUNT_PATH_UNAVAILABLE = "MountPathUnavailable"
TERMINATION_FILE = "termination-log"
DEFAULT_TERMINATION_PATH = "/dev/termination-log"


class SandboxConfinement:
    """Namespaces; the host's files are the image, but for what `view` hides."""

    def __init__(self, has_user_namespace: bool, view: HostView = HostView()) -> None:
        self._has_user_namespace = has_user_namespace
        self._view = view

    @property
    def has_user_namespace(self) -> bool:
        """Containers are in one, where the agent is not root in the machine's."""
        return self._has_user_namespace

    @property
    def level(self) -> str:
        return "sandbox"

    @property
    def isolates(self) -> bool:
        return True

    @property
    def changes_users(self) -> bool:
        return not self._has_user_namespace

    def honours(self, spec: ContainerSpec) -> Verdict:
        refusals = [
            f"{mount.target} cannot be a volume in a sandbox"
            for mount in spec.mounts
            if posixpath.normpath(mount.target) in {"/", "/proc", "/dev"}
        ]
        warnings = self._lost_privileges(spec)
        if spec.pod.shares_processes:
            warnings.append(
                "shareProcessNamespace is not available: each container has its own process tree"
            )
        return Verdict(refusals=refusals, reason=MOUNT_PATH_UNAVAILABLE, warnings=warnings)

    def _lost_privileges(self, spec: ContainerSpec) -> list[str]:
        """What a user namespace of one user takes from who is not root outside of it."""
        if not self._has_user_namespace:
            return []
        wanted = spec.privileges
        sentences: list[str] = []
        if wanted.groups:
            sentences.append(
                "supplementalGroups and fsGroup are not available: the agent is not root, and one "
                "user and one group is all it can map; files belong to the container's user"
            )
        if wanted.is_privileged:
            sentences.append(
                "privileged holds in the container's own user namespace only: the agent is not root"
            )
        elif wanted.added:
            sentences.append(
                f"capabilities {', '.join(wanted.added)} hold in the container's own user "
                "namespace only: the agent is not root"
            )
        return sentences

    def confine(self, spec: ContainerSpec, paths: PodPaths) -> ConfinedProgram:
        own = [
            *self._shown(spec),
            Mount(source=paths.etc / "hosts", target="/etc/hosts"),
            Mount(source=paths.etc / "hostname", target="/etc/hostname"),
            Mount(
                source=paths.container(spec.key) / TERMINATION_FILE,
                target=spec.termination_message_path or DEFAULT_TERMINATION_PATH,
            ),
        ]
        env = base_environment(spec)
        env[TERMINATION_VARIABLE] = spec.termination_message_path or DEFAULT_TERMINATION_PATH
        return ConfinedProgram(
            argv=list(spec.argv),
            env={**env, **spec.env},
            working_dir=spec.working_dir or "/",
            user_id=spec.user_id,
            capabilities=granted(spec.privileges),
            isolation=Isolation(
                hostname=spec.pod.hostname,
                binds=_binds([*own, *spec.mounts]),
                has_user_namespace=self._has_user_namespace,
                read_only_root=spec.read_only_root,
                hidden=[str(path) for path in self._view.hidden],
            ),
        )

    def _shown(self, spec: ContainerSpec) -> list[Mount]:
        """What there is room for: a volume that cannot be written has none, unless the hidden
        folder is in it, which is replaced."""
        full = [
            PurePath(mount.target)
            for mount in spec.mounts
            if mount.read_only
            and not any(path.is_relative_to(mount.source.resolve()) for path in self._view.hidden)
        ]
        return [
            mount
            for mount in self._view.shown(spec.pod.namespace)
            if not any(PurePath(mount.target).is_relative_to(target) for target in full)
        ]


def _binds(mounts: Sequence[Mount]) -> list[BindMount]:
    """One per target; of two, the pod's own comes later and wins."""
    by_target = {
        posixpath.normpath(mount.target): BindMount(
            source=str(mount.source.resolve()),
            target=posixpath.normpath(mount.target),
            read_only=mount.read_only,
        )
        for mount in mounts
    }
    return list(by_target.values())
