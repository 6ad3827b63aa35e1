"""Limits by control groups, version 2 or version 1, where the machine lets us make groups.

A group is made per container that has a limit or whose pod has one: below the agent's own,
`shoal/<pod>/<container>.<attempt>`. It holds the container's processes but not its shim. It is
named after the container, so a restarted agent finds it again.
"""

import errno
import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from shoal.agent.runtime.protocol import ContainerKey, Limits
from shoal.agent.runtime.shim.order import CgroupEntry
from shoal.agent.runtime.shim.processes import kill_quietly

_PARENT = "shoal"
_PERIOD_US = 100_000
_CONTROLLERS = ("memory", "cpu", "pids")
_REMOVAL_TRIES = 1000
_PAUSE_S = 0.001


class Cgroups(Protocol):
    """One hierarchy in which groups can be made, of either version."""

    @property
    def controllers(self) -> frozenset[str]:
        """Of memory, cpu and pids, those that can be limited."""
        ...

    def make(self, key: ContainerKey, limits: Limits, of_pod: Limits) -> CgroupEntry | None:
        """A group with these limits in that of its pod, whose limits hold for all its containers
        together; None when none of them can be had. Raises OSError."""
        ...

    def pod_groups(self, pod_uid: str) -> Sequence[Path]:
        """Where the groups of a pod's containers are made."""
        ...

    def remove_container(self, key: ContainerKey) -> None:
        """As `remove_pod`, of one attempt."""
        ...

    def remove_pod(self, pod_uid: str) -> None:
        """Kill what is in the groups of a pod, and remove them; blocking."""
        ...


@dataclass(frozen=True)
class CgroupFindings:
    cgroups: Cgroups | None
    sentence: str


def find_cgroups(mountinfo: str, own_groups: str) -> CgroupFindings:
    """What can be had, from the contents of /proc/self/mountinfo and /proc/self/cgroup. Tries it
    by making the parent group."""
    mounts = _mounts(mountinfo)
    paths = {names: path for _, names, path in (e.split(":", 2) for e in own_groups.splitlines())}
    refusals: list[str] = []
    if (root := mounts.get("")) is not None and "" in paths:
        try:
            return CgroupFindings(UnifiedCgroups.at(root, paths[""]), "cgroup v2 limits")
        except OSError as error:
            refusals.append(f"cgroup v2: {error.strerror}")
    directories: dict[str, Path] = {}
    for names, path in paths.items():
        for name in set(names.split(",")) & set(_CONTROLLERS) & mounts.keys():
            parent = mounts[name] / path.lstrip("/") / _PARENT
            try:
                _try_groups(parent)
            except OSError as error:
                refusals.append(f"cgroup v1 {name}: {error.strerror}")
            else:
                directories[name] = parent
    if directories:
        names = ", ".join(sorted(directories))
        return CgroupFindings(LegacyCgroups(directories), f"cgroup v1 limits for {names}")
    return CgroupFindings(None, "no cgroup limits: " + ("; ".join(refusals) or "no cgroups"))


def _try_groups(parent: Path) -> None:
    """Make a group and remove it. The parent may be there already, and someone else's."""
    parent.mkdir(exist_ok=True)
    trial = parent / f"trial.{os.getpid()}"
    trial.mkdir()
    trial.rmdir()


def _mounts(mountinfo: str) -> dict[str, Path]:
    """Mount point by controller; version 2 is the controller named ""."""
    found: dict[str, Path] = {}
    for line in mountinfo.splitlines():
        place, _, kind = line.partition(" - ")
        kind_name, _, options = kind.split(" ", 2)
        mount_point = Path(place.split(" ")[4])
        if kind_name == "cgroup2":
            found[""] = mount_point
        elif kind_name == "cgroup":
            found.update(dict.fromkeys(options.split(","), mount_point))
    return found


class UnifiedCgroups:
    """Version 2: one tree. Processes live in leaves, so the agent moves to one of its own."""

    def __init__(self, parent: Path, controllers: frozenset[str]) -> None:
        self._parent = parent
        self._controllers = controllers

    @classmethod
    def at(cls, root: Path, own_path: str) -> "UnifiedCgroups":
        """Take over the subtree below the agent's own group. Raises OSError when it is not the
        agent's, or is shared with other processes."""
        own = root / own_path.lstrip("/")
        if own.name == "agent" and own.parent.name == _PARENT:
            # Moved there by an earlier call.
            own = own.parent.parent
        available = frozenset((own / "cgroup.controllers").read_text().split()) & {*_CONTROLLERS}
        if "memory" not in available:
            raise OSError(errno.ENOTSUP, "the memory controller is not delegated to this group")
        parent = own / _PARENT
        leaf = parent / "agent"
        leaf.mkdir(parents=True, exist_ok=True)
        (leaf / "cgroup.procs").write_text(str(os.getpid()))
        enable = " ".join(f"+{name}" for name in sorted(available))
        (own / "cgroup.subtree_control").write_text(enable)
        (parent / "cgroup.subtree_control").write_text(enable)
        return cls(parent, available)

    @property
    def controllers(self) -> frozenset[str]:
        return self._controllers

    def make(self, key: ContainerKey, limits: Limits, of_pod: Limits) -> CgroupEntry | None:
        own, pods = self._settings(limits), self._settings(of_pod)
        if not own and not pods:
            return None
        pod = self._parent / key.pod_uid
        pod.mkdir(exist_ok=True)
        _write_all(pod, pods)
        enable = " ".join(f"+{name}" for name in sorted(self._controllers))
        (pod / "cgroup.subtree_control").write_text(enable)
        group = pod / _group_name(key)
        group.mkdir(exist_ok=True)
        _write_all(group, own)
        if limits.memory_bytes is not None:
            # The container fails as a whole, and swap does not stretch the limit.
            _write_if_present(group / "memory.oom.group", "1")
            _write_if_present(group / "memory.swap.max", "0")
        return CgroupEntry(
            process_files=[str(group / "cgroup.procs")], oom_file=str(group / "memory.events")
        )

    def _settings(self, limits: Limits) -> dict[str, str]:
        settings: dict[str, str] = {}
        if limits.memory_bytes is not None:
            settings["memory.max"] = str(limits.memory_bytes)
        if limits.cpu_millis is not None and "cpu" in self._controllers:
            settings["cpu.max"] = f"{_quota_us(limits.cpu_millis)} {_PERIOD_US}"
        if limits.pids is not None and "pids" in self._controllers:
            settings["pids.max"] = str(limits.pids)
        return settings

    def pod_groups(self, pod_uid: str) -> Sequence[Path]:
        return [self._parent / pod_uid]

    def remove_container(self, key: ContainerKey) -> None:
        _remove_group(self._parent / key.pod_uid / _group_name(key))

    def remove_pod(self, pod_uid: str) -> None:
        _remove_groups(self._parent / pod_uid)


class LegacyCgroups:
    """Version 1: a tree per controller."""

    def __init__(self, parents: Mapping[str, Path]) -> None:
        self._parents = parents

    @property
    def controllers(self) -> frozenset[str]:
        return frozenset(self._parents)

    def make(self, key: ContainerKey, limits: Limits, of_pod: Limits) -> CgroupEntry | None:
        own, pods = _legacy_settings(limits), _legacy_settings(of_pod)
        groups: dict[str, Path] = {}
        for controller in (own.keys() | pods.keys()) & self._parents.keys():
            pod = self._parents[controller] / key.pod_uid
            group = groups[controller] = pod / _group_name(key)
            group.mkdir(parents=True, exist_ok=True)
            _write_all(pod, pods.get(controller, {}))
            _write_all(group, own.get(controller, {}))
        if not groups:
            return None
        memory = groups.get("memory")
        if memory is not None and limits.memory_bytes is not None:
            # Swap does not stretch the limit, where the kernel counts it.
            _write_if_present(memory / "memory.memsw.limit_in_bytes", str(limits.memory_bytes))
        return CgroupEntry(
            process_files=[str(group / "cgroup.procs") for group in groups.values()],
            oom_file=str(memory / "memory.oom_control") if memory else "",
        )

    def pod_groups(self, pod_uid: str) -> Sequence[Path]:
        return [parent / pod_uid for parent in self._parents.values()]

    def remove_container(self, key: ContainerKey) -> None:
        for pod in self.pod_groups(key.pod_uid):
            _remove_group(pod / _group_name(key))

    def remove_pod(self, pod_uid: str) -> None:
        for pod in self.pod_groups(pod_uid):
            _remove_groups(pod)


def _legacy_settings(limits: Limits) -> dict[str, dict[str, str]]:
    """By controller, in the order in which they have to be written."""
    settings: dict[str, dict[str, str]] = {}
    if limits.memory_bytes is not None:
        settings["memory"] = {"memory.limit_in_bytes": str(limits.memory_bytes)}
    if limits.cpu_millis is not None:
        settings["cpu"] = {
            "cpu.cfs_period_us": str(_PERIOD_US),
            "cpu.cfs_quota_us": str(_quota_us(limits.cpu_millis)),
        }
    if limits.pids is not None:
        settings["pids"] = {"pids.max": str(limits.pids)}
    return settings


def _group_name(key: ContainerKey) -> str:
    return f"{key.container}.{key.attempt}"


def _quota_us(cpu_millis: int) -> int:
    # The kernel refuses less than a millisecond.
    return max(1000, cpu_millis * _PERIOD_US // 1000)


def _write_all(group: Path, settings: Mapping[str, str]) -> None:
    for name, value in settings.items():
        (group / name).write_text(value)


def _write_if_present(file: Path, text: str) -> None:
    if file.exists():
        file.write_text(text)


def remove_entry(entry: CgroupEntry, kept: Collection[Path]) -> None:
    """Kill what is in the groups of a container, and remove them, wherever they are: an agent that
    is started from another group of processes makes its own below that one, and knows of earlier
    ones by what is on disk. The pod's group goes with the last of them unless it is to be kept
    because more are made in it; blocking."""
    for file in entry.process_files:
        group = Path(file).parent
        _remove_group(group)
        if group.parent in kept:
            continue
        try:
            group.parent.rmdir()
        except OSError:
            # Others are in it, or it is gone already.
            continue


def _remove_groups(pod: Path) -> None:
    """Of the containers, then of the pod."""
    try:
        groups = [entry for entry in pod.iterdir() if entry.is_dir()]
    except OSError:
        # There are none, or somebody else has just removed them.
        groups = []
    for group in groups:
        _remove_group(group)
    _remove_group(pod)


def _remove_group(group: Path) -> None:
    for _ in range(_REMOVAL_TRIES):
        for pid in _pids(group):
            kill_quietly(pid)
        try:
            group.rmdir()
        except (FileNotFoundError, PermissionError):
            # Gone, or not ours to remove any more.
            return
        except OSError:
            # Busy: a killed process is not gone before the kernel has taken it apart.
            time.sleep(_PAUSE_S)
        else:
            return


def _pids(group: Path) -> Sequence[int]:
    try:
        return [int(pid) for pid in (group / "cgroup.procs").read_text().split()]
    except OSError:
        # Not found; or it went between opening and reading, when there is no such device.
        return []
