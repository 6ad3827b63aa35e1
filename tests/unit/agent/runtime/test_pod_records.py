"""What is kept on disk about pods."""

import os
import threading

import pytest

from shoal.agent.runtime.paths import PodPaths
from shoal.agent.runtime.pod_records import rewrite_hosts

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
