"""What is on disk about pods: written as they are prepared, read by an agent that starts.

Blocking; small files.
"""

import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from shoal.agent.runtime.leftovers import remove_tree
from shoal.agent.runtime.paths import PodPaths
from shoal.agent.runtime.protocol import ContainerExit, ContainerKey, PodSandbox
from shoal.agent.runtime.sandbox import TERMINATION_FILE
from shoal.agent.runtime.shim.order import ORDER_FILE, UNREADABLE, CgroupEntry, LaunchOrder
from shoal.agent.runtime.shim.processes import ProcessIdentity
from shoal.agent.runtime.shim.records import (
    EXIT_FILE,
    SHIM_FILE,
    ExitRecord,
    is_of_the_file,
    read_exit_record,
    read_shim_record,
    write_record,
)
from shoal.agent.runtime.termination import read_termination_message

_log = logging.getLogger(__name__)

_PARTS = frozenset({"pod.tmp", "etc", "volumes", "containers", "logs"})
"""Of a pod's directory. One with anything else in it is not ours to delete."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedContainer:
    key: ContainerKey
    started_at: datetime
    shim: ProcessIdentity | None
    """None: it failed before there was one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPod:
    uid: str
    namespace: str
    name: str
    pod_ip: str
    containers: Sequence[RecordedContainer]


def time_of(since_epoch_ns: int) -> datetime:
    return _EPOCH + timedelta(microseconds=since_epoch_ns // 1000)


def write_pod(paths: PodPaths, pod: PodSandbox) -> None:
    paths.etc.mkdir(parents=True, exist_ok=True)
    for name, text in (("hosts", pod.hosts_text), ("hostname", pod.hostname + "\n")):
        # Containers of an earlier agent read them.
        if not _rewrite(paths.etc / name, text):
            (paths.etc / name).write_text(text)
    record = {
        "uid": pod.uid,
        "namespace": pod.namespace,
        "name": pod.name,
        "pod_ip": pod.pod_ip,
    }
    # Renamed into place last: a pod without it was never prepared.
    temporary = paths.sandbox_record.with_suffix(".tmp")
    temporary.write_text(json.dumps(record))
    temporary.replace(paths.sandbox_record)


def rewrite_hosts(paths: PodPaths, text: str) -> bool:
    """Change the hosts file of a pod. False where there is none any more."""
    return _rewrite(paths.etc / "hosts", text)


def _rewrite(path: Path, text: str) -> bool:
    """Change a file in place: containers have this very file mounted. False where there is none.

    The text is written at once, over one as long: the shorter is filled up with empty lines. So
    whoever reads meanwhile, at once, finds one or the other and never lines of both."""
    content = text.encode()
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        size = os.fstat(file).st_size
        if os.pread(file, size, 0) == content:
            return True
        os.pwrite(file, b"\n" * (len(content) - size), size)
        os.pwrite(file, content.ljust(size, b"\n"), 0)
        os.ftruncate(file, len(content))
    finally:
        os.close(file)
    return True


def read_pods(root: Path) -> Sequence[RecordedPod]:
    """All prepared pods. What was begun and never came to run is deleted, so that it can be
    begun again."""
    pods: list[RecordedPod] = []
    for directory in sorted(path for path in root.iterdir() if path.is_dir()):
        paths = PodPaths(root, directory.name)
        if paths.sandbox_record.exists():
            record = _read_sandbox(paths)
            pods.append(RecordedPod(containers=list(_read_containers(paths)), **record))
        elif _PARTS.issuperset(entry.name for entry in directory.iterdir()):
            _discard(directory)
    return pods


def _read_sandbox(paths: PodPaths) -> dict[str, Any]:
    """What cannot be read, as after a power cut, is empty: the pod is there all the same. Raises
    OSError where that may pass."""
    known = {"uid": paths.pod_uid, "namespace": "", "name": "", "pod_ip": ""}
    try:
        record: dict[str, Any] = json.loads(paths.sandbox_record.read_bytes())
        return {name: record[name] for name in known}
    except (OSError, ValueError, TypeError, KeyError) as error:
        if isinstance(error, OSError) and not is_of_the_file(error):
            raise
        _log.warning("%s cannot be read: %s", paths.sandbox_record, error)
        return known


def _read_containers(paths: PodPaths) -> Iterator[RecordedContainer]:
    for directory in sorted(paths.directory.glob("containers/*/*")):
        if not (directory / ORDER_FILE).exists():
            # Written first, so without it the removal of the container was cut short.
            _discard(directory)
            continue
        if not directory.name.isdecimal():
            # A program's own, which sees the folder where it is not in a sandbox.
            continue
        key = ContainerKey(paths.pod_uid, directory.parent.name, int(directory.name))
        shim, ended = read_shim_record(directory), read_exit_record(directory)
        if shim is not None:
            started_at = time_of(shim.started_ns)
            yield RecordedContainer(key=key, started_at=started_at, shim=shim.identity)
        elif ended is not None:
            yield RecordedContainer(key=key, started_at=time_of(ended.started_ns), shim=None)
        elif (directory / SHIM_FILE).exists():
            # It cannot be read, but says that there was one, which is not to be started again.
            started_at = time_of((directory / SHIM_FILE).stat().st_mtime_ns)
            yield RecordedContainer(key=key, started_at=started_at, shim=None)
        else:
            _discard(directory)


def _discard(directory: Path) -> None:
    """One file that resists must not keep an agent from its pods."""
    try:
        remove_tree(directory)
    except OSError as error:
        _log.warning("%s belongs to no pod and cannot be deleted: %s", directory, error)


def cgroup_entries(containers: Iterable[Path]) -> Iterator[CgroupEntry]:
    """Groups that were made for the containers of these directories, by whichever agent."""
    for directory in containers:
        try:
            order = LaunchOrder.decode((directory / ORDER_FILE).read_bytes())
        except UNREADABLE:
            continue
        if order.cgroup is not None:
            yield order.cgroup


def container_exit(
    paths: PodPaths, key: ContainerKey, started_at: datetime, now: datetime
) -> ContainerExit:
    """How a container ended whose shim is gone. One that left no record was killed, and its
    container with it; that is then recorded, so it stays the same answer. What cannot be read or
    written is done without: an end that nobody hears of would be worse."""
    directory = paths.container(key)
    record = read_exit_record(directory)
    if record is None:
        record = _record_killed(directory, started_at, now)
    message = record.start_failure
    if not message:
        message = _last_words(paths, key, record.exit_code)
    return ContainerExit(
        key=key,
        exit_code=record.exit_code,
        signal=record.signal,
        started_at=started_at,
        finished_at=time_of(record.finished_ns),
        is_oom_killed=record.is_oom_killed,
        termination_message=message,
    )


def _last_words(paths: PodPaths, key: ContainerKey, exit_code: int) -> str:
    directory = paths.container(key)
    try:
        order = LaunchOrder.decode((directory / ORDER_FILE).read_bytes())
        falls_back = order.falls_back_to_logs
    except UNREADABLE:
        falls_back = False
    try:
        return read_termination_message(
            directory / TERMINATION_FILE, paths.log(key), exit_code, falls_back
        )
    except OSError as error:
        _log.warning("the last words of %s cannot be read: %s", directory, error)
        return ""


def _record_killed(directory: Path, started_at: datetime, now: datetime) -> ExitRecord:
    record = ExitRecord(
        exit_code=137,
        signal=9,
        is_oom_killed=False,
        started_ns=int(started_at.timestamp() * 1_000_000) * 1000,
        finished_ns=int(now.timestamp() * 1_000_000) * 1000,
    )
    try:
        directory_fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            write_record(directory_fd, EXIT_FILE, record)
        finally:
            os.close(directory_fd)
    except OSError as error:
        _log.warning("the end of %s cannot be written down: %s", directory, error)
    return record
