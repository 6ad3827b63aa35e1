"""The `process` runtime: plain processes, for machines that refuse namespaces.

A mountPath cannot be made real for one process alone, and a symbolic link at its place would be
seen by everyone. What can be done is to tell the program where the volume really is: variables and
arguments that are the mountPath, or a path below it, are pointed to the directory of the volume,
and `SHOAL_VOLUME_<NAME>` names it. A container that mentions neither would look in the wrong
place, so it is refused.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from shoal.agent.runtime.confinement import (
    TERMINATION_VARIABLE,
    ConfinedProgram,
    base_environment,
)
from shoal.agent.runtime.leftovers import CONTAINER_DIRECTORY_VARIABLE, POD_DIRECTORY_VARIABLE
from shoal.agent.runtime.paths import PodPaths
from shoal.agent.runtime.privileges import granted
from shoal.agent.runtime.protocol import ContainerSpec, Mount, Privileges, Verdict
from shoal.agent.runtime.sandbox import (
    DEFAULT_TERMINATION_PATH,
    MOUNT_PATH_UNAVAILABLE,
    TERMINATION_FILE,
)

_SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Every pod has it and few look."""


class ProcessConfinement:
    @property
    def level(self) -> str:
        return "process"

    @property
    def isolates(self) -> bool:
        return False

    @property
    def changes_users(self) -> bool:
        return os.geteuid() == 0

    def honours(self, spec: ContainerSpec) -> Verdict:
        refusals: list[str] = []
        warnings: list[str] = []
        for mount in spec.mounts:
            if _is_in_place(mount):
                continue
            if _is_mentioned(mount, spec) or mount.target == _SERVICE_ACCOUNT:
                warnings.append(
                    f"{mount.target} is at {mount.source} in the process runtime; variables and "
                    f"arguments that name it say so, and so does {volume_variable(mount)}"
                )
            else:
                refusals.append(
                    f"the process runtime cannot mount {mount.target}; let "
                    f"a variable or argument name it, or use {volume_variable(mount)}"
                )
            if mount.read_only:
                warnings.append(f"{mount.target} is not read-only in the process runtime")
        warnings.extend(_ignored(spec))
        return Verdict(refusals=refusals, reason=MOUNT_PATH_UNAVAILABLE, warnings=warnings)

    def confine(self, spec: ContainerSpec, paths: PodPaths) -> ConfinedProgram:
        moved = [mount for mount in spec.mounts if not _is_in_place(mount)]
        env = base_environment(spec)
        env |= {volume_variable(mount): str(mount.source) for mount in spec.mounts}
        env[TERMINATION_VARIABLE] = str(paths.container(spec.key) / TERMINATION_FILE)
        env |= {name: _moved(value, moved) for name, value in spec.env.items()}
        env[POD_DIRECTORY_VARIABLE] = str(paths.directory)
        env[CONTAINER_DIRECTORY_VARIABLE] = str(paths.container(spec.key))
        return ConfinedProgram(
            argv=[_moved(word, moved) for word in spec.argv],
            env=env,
            working_dir=_moved(spec.working_dir, moved) or "/",
            user_id=spec.user_id if os.geteuid() == 0 else None,
            isolation=None,
            capabilities=granted(spec.privileges) if os.geteuid() == 0 else None,
        )


def volume_variable(mount: Mount) -> str:
    return "SHOAL_VOLUME_" + re.sub(r"\W", "_", mount.volume or mount.target.strip("/")).upper()


def _is_in_place(mount: Mount) -> bool:
    """A hostPath volume at its own path needs no mounting."""
    return not mount.read_only and Path(mount.target).resolve() == mount.source.resolve()


def _names(text: str, mount: Mount) -> bool:
    target = mount.target.rstrip("/")
    return text == target or text.startswith(target + "/")


def _is_mentioned(mount: Mount, spec: ContainerSpec) -> bool:
    texts = [*spec.argv, *spec.env.values(), spec.working_dir]
    return any(_names(text, mount) or volume_variable(mount) in text for text in texts)


def _moved(text: str, mounts: Sequence[Mount]) -> str:
    """The text with a leading mountPath replaced; of nested ones, the innermost."""
    for mount in sorted(mounts, key=lambda mount: len(mount.target), reverse=True):
        if _names(text, mount):
            return str(mount.source) + text[len(mount.target.rstrip("/")) :]
    return text


def _ignored(spec: ContainerSpec) -> Sequence[str]:
    sentences: list[str] = []
    if spec.read_only_root:
        sentences.append("readOnlyRootFilesystem is not available in the process runtime")
    if spec.user_id is not None and os.geteuid() not in {0, spec.user_id}:
        sentences.append(
            f"runAsUser {spec.user_id} is not available: the agent is user {os.geteuid()}"
        )
    if os.geteuid() != 0:
        sentences.extend(_lost_privileges(spec.privileges))
    if spec.termination_message_path not in {"", DEFAULT_TERMINATION_PATH}:
        sentences.append(
            f"terminationMessagePath {spec.termination_message_path} is not read in the process "
            f"runtime; write to the file that {TERMINATION_VARIABLE} names"
        )
    return sentences


def _lost_privileges(wanted: Privileges) -> Sequence[str]:
    """What needs a root that the agent is not. Nothing need be dropped: there is nothing."""
    sentences: list[str] = []
    if wanted.groups:
        sentences.append("supplementalGroups and fsGroup are not available: the agent is not root")
    if wanted.is_privileged:
        sentences.append("privileged is not available: the agent is not root")
    elif wanted.added:
        names = ", ".join(wanted.added)
        sentences.append(f"capabilities {names} cannot be added: the agent is not root")
    return sentences
