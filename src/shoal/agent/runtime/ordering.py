"""From a container spec to the launch order on disk."""

import os
import pwd
import re
from dataclasses import replace
from pathlib import Path

from shoal.agent.runtime.cgroups import Cgroups
from shoal.agent.runtime.confinement import Confinement
from shoal.agent.runtime.host_view import shut_folders
from shoal.agent.runtime.paths import PodPaths
from shoal.agent.runtime.protocol import ContainerSpec
from shoal.agent.runtime.sandbox import TERMINATION_FILE
from shoal.agent.runtime.shim.order import ORDER_FILE, BindMount, Isolation, LaunchOrder

_RESOLVER = Path("/etc/resolv.conf")
_BEHIND_LOOPBACK = Path("/run/systemd/resolve/resolv.conf")
_ACCOUNTS = Path("/etc/passwd")


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
        isolation=_isolation(program.isolation, spec, directory, network),
        cgroup=cgroup,
        falls_back_to_logs=spec.falls_back_to_logs,
        network=network,
        sampled_memory_bytes=spec.limits.memory_bytes if is_sampled else None,
    )
    file = directory / ORDER_FILE
    file.touch(mode=0o600)
    file.write_bytes(order.encode())


def _isolation(
    isolation: Isolation | None, spec: ContainerSpec, directory: Path, network: str
) -> Isolation | None:
    """With what depends on the container's user and network."""
    if isolation is None:
        return None
    isolation = _with_passage(isolation, spec)
    return _with_account(_with_resolver(isolation, network), spec, directory)


def _with_passage(isolation: Isolation, spec: ContainerSpec) -> Isolation:
    """Whoever the container runs as can come to what it is shown of what is hidden. In a user
    namespace it runs as the agent."""
    if spec.user_id is None or isolation.has_user_namespace:
        return isolation
    group = _group(spec)
    groups = {*_groups(spec), 0 if group is None else group}
    partly_shown = [
        path
        for path in isolation.hidden
        if any(Path(bind.target).is_relative_to(path) for bind in isolation.binds)
    ]
    return replace(isolation, shut=shut_folders(partly_shown, spec.user_id, groups))


def _with_resolver(isolation: Isolation, network: str) -> Isolation:
    """A DNS server on the machine's loopback is out of reach for a pod with a network of its own;
    systemd keeps the list of those behind it."""
    if not network:
        return isolation
    if not (_RESOLVER.exists() and _BEHIND_LOOPBACK.exists()):
        return isolation
    servers = re.findall(r"^nameserver\s+(\S+)", _RESOLVER.read_text(), re.MULTILINE)
    is_given = any(bind.target == str(_RESOLVER) for bind in isolation.binds)
    if is_given or not all(server.startswith("127.") for server in servers):
        return isolation
    bind = BindMount(source=str(_BEHIND_LOOPBACK), target=str(_RESOLVER), read_only=True)
    return replace(isolation, binds=[*isolation.binds, bind])


def _with_account(isolation: Isolation, spec: ContainerSpec, directory: Path) -> Isolation:
    """A user that the host does not know gets a line in the container's /etc/passwd: initdb, ssh
    and others refuse to run as somebody without a name. Podman v5 does the same
    (podman-run(1), `--passwd`)."""
    user_id = os.geteuid() if spec.user_id is None else spec.user_id
    if any(bind.target == str(_ACCOUNTS) for bind in isolation.binds):
        return isolation
    try:
        pwd.getpwuid(user_id)
    except KeyError:
        group = _group(spec)
        group_id = os.getegid() if group is None else group
        account = f"{user_id}:x:{user_id}:{group_id}:{user_id} user:/:/sbin/nologin"
    else:
        return isolation
    file = directory / _ACCOUNTS.name
    file.write_text(f"{_ACCOUNTS.read_text().rstrip()}\n{account}\n")
    bind = BindMount(source=str(file.resolve()), target=str(_ACCOUNTS), read_only=True)
    return replace(isolation, binds=[*isolation.binds, bind])


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
