"""What is kept on disk about pods."""

import os
import threading
from datetime import UTC, datetime

import pytest

from shoal.agent.runtime.paths import PodPaths
from shoal.agent.runtime.pod_records import container_exit, read_pods, rewrite_hosts, write_pod
from shoal.agent.runtime.protocol import ContainerKey, PodSandbox
from shoal.agent.runtime.shim.order import ORDER_FILE
from shoal.agent.runtime.shim.records import EXIT_FILE, SHIM_FILE

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = ContainerKey("u-1", "c", 0)

LONG = "".join(f"127.0.0.{number} long\n" for number in range(60))
SHORT = "::1 short\n"


@pytest.fixture
def paths(tmp_path):
    paths = PodPaths(tmp_path, "u-1")
    paths.etc.mkdir(parents=True)
    (paths.etc / "hosts").write_text(LONG)
    return paths


@pytest.mark.parametrize("text", [SHORT, LONG * 2, ""])
def test_a_hosts_file_is_changed_in_place(paths, text):
    hosts = paths.etc / "hosts"
    inode = hosts.stat().st_ino
    assert rewrite_hosts(paths, text)
    assert (hosts.read_text(), hosts.stat().st_ino) == (text, inode)


def test_nobody_reads_lines_of_the_old_hosts_file_after_those_of_the_new(paths):
    seen = set()
    file = os.open(paths.etc / "hosts", os.O_RDONLY)
    is_over = threading.Event()

    def read():
        while not is_over.is_set():
            # A second read may find what was written after the first.
            lines = os.pread(file, 100_000, 0).decode().split("\n")
            seen.add(frozenset(line.split()[-1] for line in lines if line))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(500):
        rewrite_hosts(paths, SHORT)
        rewrite_hosts(paths, LONG)
    is_over.set()
    reader.join()
    os.close(file)
    assert seen <= {frozenset({"long"}), frozenset({"short"})}


def test_a_pod_that_is_gone_has_no_hosts_file_to_change(tmp_path):
    assert not rewrite_hosts(PodPaths(tmp_path, "u-2"), SHORT)


def sandbox(hosts_text=LONG):
    return PodSandbox(
        uid="u-1", namespace="ns", name="p", hostname="p", pod_ip="127.1.0.1", hosts_text=hosts_text
    )


def test_preparing_a_pod_anew_leaves_files_that_say_the_same_alone(paths):
    write_pod(paths, sandbox())
    files = [paths.etc / "hosts", paths.etc / "hostname"]
    for file in files:
        os.utime(file, (1, 1))
    write_pod(paths, sandbox())
    assert [file.stat().st_mtime for file in files] == [1, 1]


def test_preparing_a_pod_anew_changes_the_file_that_its_containers_have(paths):
    write_pod(paths, sandbox())
    hosts = paths.etc / "hosts"
    inode = hosts.stat().st_ino
    write_pod(paths, sandbox(SHORT))
    assert (hosts.read_text(), hosts.stat().st_ino) == (SHORT, inode)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"uid": "u-1"}'])
def test_a_pod_whose_record_cannot_be_read_is_found_all_the_same(paths, caplog, content):
    write_pod(paths, sandbox())
    paths.sandbox_record.write_bytes(content)
    [found] = read_pods(paths.root)
    assert (found.uid, found.pod_ip) == ("u-1", "")
    assert "pod.json cannot be read" in caplog.text


@pytest.mark.parametrize(
    "unreadable", [[SHIM_FILE], [SHIM_FILE, EXIT_FILE], [ORDER_FILE, SHIM_FILE]]
)
def test_a_container_whose_records_cannot_be_read_was_killed(paths, unreadable):
    write_pod(paths, sandbox())
    directory = paths.container(KEY)
    directory.mkdir(parents=True)
    for name in {ORDER_FILE, *unreadable}:
        (directory / name).write_bytes(b"")
    [found] = read_pods(paths.root)
    [container] = found.containers
    assert (container.key, container.shim) == (KEY, None)
    ended = container_exit(paths, KEY, container.started_at, NOW)
    assert (ended.exit_code, ended.finished_at) == (137, NOW)
    later = datetime(2026, 1, 2, tzinfo=UTC)
    assert container_exit(paths, KEY, container.started_at, later) == ended


def test_an_end_that_cannot_be_written_down_is_told(paths):
    ended = container_exit(paths, KEY, NOW, NOW)
    assert (ended.exit_code, ended.signal) == (137, 9)


def test_a_folder_among_the_attempts_that_is_none_is_passed_over(paths):
    write_pod(paths, sandbox())
    odd = paths.container(KEY).with_name("odd")
    odd.mkdir(parents=True)
    (odd / ORDER_FILE).touch()
    [found] = read_pods(paths.root)
    assert not found.containers
