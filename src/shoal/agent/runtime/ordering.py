"""From a container spec to the launch order on disk."""

import os
import pwd
from pathlib import Path

from shoal.agent.runtime.cgroups import Cgroups
from shoal.agent.runtime.confinement import Confinement
from shoal.agent.runtime.paths import PodPaths
from shoal.agent.runtime.protocol import ContainerSpec
from shoal.agent.runtime.sandbox import TERMINATION_FILE
from shoal.agent.runtime.shim.order import ORDER_FILE, LaunchOrder


def write_order(
    root: Path,
    spec: ContainerSpec,
    confinement: Confinement,
    cgroups: Cgroups | None,
    network: str = "",
) -> None:
    """Into the container's directory, which exists. `network` is the file of the pod's network
    namespace, empty where it has none. Raises OSError."""
    paths = PodPaths(root, spec.key.pod_uid)
    directory, log = paths.container(spec.key), paths.log(spec.key)
    log.parent.mkdir(parents=True, exist_ok=True)
    last_words = directory / TERMINATION_FILE
    last_words.touch()
    # Whoever the container runs as.
    last_words.chmod(0o666)
    program = confinement.confine(spec, paths)
    cgroup = cgroups.make(spec.key, spec.limits, spec.pod.limits) if cgroups is not None else None
    is_sampled = cgroups is None or "memory" not in cgroups.controllers
    order = LaunchOrder(
        directory=str(directory.resolve()),
        log=str(log.resolve()),
        argv=program.argv,
        env=dict(program.env),
        working_dir=program.working_dir,
        user_id=program.user_id,
        group_id=_group(spec),
        groups=_groups(spec),
        capabilities=program.capabilities,
        has_no_new_privileges=not spec.privileges.can_gain,
        isolation=program.isolation,
        cgroup=cgroup,
        falls_back_to_logs=spec.falls_back_to_logs,
        network=network,
        sampled_memory_bytes=spec.limits.memory_bytes if is_sampled else None,
    )
    file = directory / ORDER_FILE
    file.touch(mode=0o600)
    file.write_bytes(order.encode())


def _groups(spec: ContainerSpec) -> list[int]:
    """Supplementary ones: what the pod asks for and, as /etc/group is the image's, the user's."""
    wanted = list(spec.privileges.groups)
    user_id = os.geteuid() if spec.user_id is None else spec.user_id
    if not spec.privileges.has_image_groups:
        return wanted
    try:
        user = pwd.getpwuid(user_id)
    except KeyError:
        return wanted
    return sorted({*wanted, *os.getgrouplist(user.pw_name, user.pw_gid)})


def _group(spec: ContainerSpec) -> int | None:
    """Of a user without a runAsGroup: the primary group, as container engines do it."""
    if spec.group_id is not None or spec.user_id is None or spec.user_id == os.geteuid():
        return spec.group_id
    try:
        return pwd.getpwuid(spec.user_id).pw_gid
    except KeyError:
        return 0
