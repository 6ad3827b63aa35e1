"""Ending what a control plane left."""

import os
import subprocess

import pytest

from shoal.agent.runtime.paths import PodPaths
from shoal.agent.runtime.pod_records import write_pod
from shoal.agent.runtime.protocol import ContainerKey, PodSandbox
from shoal.agent.runtime.shim.order import ORDER_FILE
from shoal.agent.runtime.shim.processes import identify
from shoal.agent.runtime.shim.records import EXIT_FILE, SHIM_FILE, ShimRecord, write_record
from shoal.agent.runtime.spawning import Spawner
from shoal.base.clock import SystemClock
from shoal.standalone.config import STORE_FILE
from shoal.standalone.leftovers import end_pods, has_live_containers
from shoal.store.database import FileLock
from tests.runtimes import make_immutable


def prepared(root, uid):
    paths = PodPaths(root, uid)
    write_pod(
        paths,
        PodSandbox(
            uid=uid, namespace="ns", name=uid, hostname=uid, pod_ip="127.1.2.3", hosts_text=""
        ),
    )
    return paths


async def test_a_pod_with_a_file_that_cannot_be_deleted_keeps_no_other_alive(tmp_path, caplog):
    stuck, other = (prepared(tmp_path / "pods", uid) for uid in ("a-stuck", "b-other"))
    stuck.volumes.mkdir()
    file = stuck.volumes / "file"
    file.touch()
    make_immutable(file)
    try:
        assert await end_pods(tmp_path, SystemClock()) == 2
    finally:
        subprocess.run(["chattr", "-i", file], check=True)
    assert file.exists()
    assert not other.directory.exists()
    assert "files of pod ns/a-stuck stay" in caplog.text


async def test_pods_of_a_control_plane_that_runs_are_not_ended(tmp_path):
    pod = prepared(tmp_path / "pods", "a")
    lock = FileLock(tmp_path / STORE_FILE)
    try:
        with pytest.raises(OSError, match=r"`shoal up` runs on .*; end it first, with Ctrl-C"):
            await end_pods(tmp_path, SystemClock())
    finally:
        lock.release()
    assert pod.directory.exists()
    assert await end_pods(tmp_path, SystemClock()) == 1


def ordered(root):
    """The directory of a container whose start was asked for."""
    directory = PodPaths(root, "pod").container(ContainerKey("pod", "main", 0))
    directory.mkdir(parents=True)
    (directory / ORDER_FILE).touch()
    return directory


def record_shim(directory, shim):
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        record = ShimRecord(
            pid=shim.pid, start_ticks=shim.start_ticks, boot_id=shim.boot_id, started_ns=1
        )
        write_record(fd, SHIM_FILE, record)
    finally:
        os.close(fd)


async def test_a_start_that_left_no_record_lives_only_while_it_may_be_under_way(tmp_path):
    ordered(tmp_path)
    assert not has_live_containers(tmp_path)
    agent = Spawner(tmp_path, SystemClock())
    await agent.lock()
    assert has_live_containers(tmp_path)
    await agent.close()
    assert not has_live_containers(tmp_path)


def test_a_container_lives_while_its_shim_does(tmp_path):
    directory = ordered(tmp_path)
    program = subprocess.Popen(["sleep", "1000"])
    record_shim(directory, identify(program.pid))
    assert has_live_containers(tmp_path)
    program.kill()
    program.wait()
    assert not has_live_containers(tmp_path)


def test_a_container_whose_end_is_recorded_lives_no_more(tmp_path):
    directory = ordered(tmp_path)
    record_shim(directory, identify(os.getpid()))
    (directory / EXIT_FILE).touch()
    assert not has_live_containers(tmp_path)


def test_a_container_that_spoiled_the_record_of_its_shim_may_live(tmp_path):
    (ordered(tmp_path) / SHIM_FILE).mkdir()
    assert has_live_containers(tmp_path)
