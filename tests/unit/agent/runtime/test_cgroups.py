"""Limits by control groups, on folders that stand in for both hierarchies."""

import os
from pathlib import Path

import pytest

from shoal.agent.runtime import cgroups as module
from shoal.agent.runtime.cgroups import (
    LegacyCgroups,
    UnifiedCgroups,
    find_cgroups,
    remove_entry,
)
from shoal.agent.runtime.protocol import ContainerKey, Limits

KEY = ContainerKey("uid-1", "main", 2)
LIMITS = Limits(memory_bytes=64 << 20, cpu_millis=250, pids=20)


@pytest.fixture
def unified(tmp_path: Path) -> Path:
    """A delegated group of version 2, as far as files go."""
    own = tmp_path / "user.slice" / "shoal.scope"
    (own / "shoal" / "agent").mkdir(parents=True)
    (own / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    return own


def mountinfo(*mounts: tuple[Path, str, str]) -> str:
    return "".join(
        f"30 23 0:26 / {path} rw,nosuid shared:4 - {kind} {kind} {options}\n"
        for path, kind, options in mounts
    )


def test_limits_of_version_2_are_written_to_a_group_of_the_container(
    tmp_path: Path, unified: Path
) -> None:
    findings = find_cgroups(mountinfo((tmp_path, "cgroup2", "rw")), "0::/user.slice/shoal.scope\n")
    assert findings.sentence == "cgroup v2 limits"
    assert findings.cgroups is not None
    entry = findings.cgroups.make(KEY, LIMITS, Limits())
    group = unified / "shoal" / "uid-1" / "main.2"
    assert entry is not None
    assert entry.process_files == [str(group / "cgroup.procs")]
    assert entry.oom_file == str(group / "memory.events")
    assert (group / "memory.max").read_text() == str(64 << 20)
    assert (group / "cpu.max").read_text() == "25000 100000"
    assert (group / "pids.max").read_text() == "20"


def test_the_agent_moves_to_a_leaf_so_that_controllers_can_be_enabled(unified: Path) -> None:
    UnifiedCgroups.at(unified, "/")
    assert (unified / "shoal" / "agent" / "cgroup.procs").read_text() == str(os.getpid())
    assert (unified / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    assert (unified / "shoal" / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"


def test_an_agent_that_was_moved_to_its_leaf_finds_the_group_again(unified: Path) -> None:
    cgroups = UnifiedCgroups.at(unified, "/shoal/agent")
    assert cgroups.controllers == {"cpu", "memory", "pids"}


def test_version_2_without_a_memory_controller_is_not_used(tmp_path: Path, unified: Path) -> None:
    (unified / "cgroup.controllers").write_text("cpu\n")
    findings = find_cgroups(mountinfo((tmp_path, "cgroup2", "rw")), "0::/user.slice/shoal.scope\n")
    assert findings.cgroups is None
    assert "memory controller is not delegated" in findings.sentence


def test_limits_of_version_1_are_written_per_controller(tmp_path: Path) -> None:
    for name in ("memory", "cpu,cpuacct"):
        (tmp_path / name / "job").mkdir(parents=True)
    findings = find_cgroups(
        mountinfo(
            (tmp_path / "memory", "cgroup", "rw,memory"),
            (tmp_path / "cpu,cpuacct", "cgroup", "rw,cpu,cpuacct"),
        ),
        "4:memory:/job\n3:cpu,cpuacct:/job\n1:name=systemd:/\n",
    )
    assert findings.sentence == "cgroup v1 limits for cpu, memory"
    assert isinstance(findings.cgroups, LegacyCgroups)
    entry = findings.cgroups.make(KEY, LIMITS, Limits())
    memory = tmp_path / "memory" / "job" / "shoal" / "uid-1" / "main.2"
    cpu = tmp_path / "cpu,cpuacct" / "job" / "shoal" / "uid-1" / "main.2"
    assert entry is not None
    assert sorted(entry.process_files) == [str(cpu / "cgroup.procs"), str(memory / "cgroup.procs")]
    assert entry.oom_file == str(memory / "memory.oom_control")
    assert (memory / "memory.limit_in_bytes").read_text() == str(64 << 20)
    assert (cpu / "cpu.cfs_quota_us").read_text() == "25000"


def test_no_limits_no_group(tmp_path: Path) -> None:
    cgroups = LegacyCgroups({"memory": tmp_path})
    assert cgroups.make(KEY, Limits(), Limits()) is None
    assert not list(tmp_path.iterdir())


def test_what_is_refused_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    findings = find_cgroups(mountinfo((tmp_path / "file", "cgroup", "rw,memory")), "4:memory:/\n")
    assert findings.cgroups is None
    assert findings.sentence == "no cgroup limits: cgroup v1 memory: Not a directory"


def test_the_pods_limits_are_written_to_the_group_around_those_of_its_containers(
    tmp_path: Path,
) -> None:
    cgroups = LegacyCgroups({"memory": tmp_path / "memory", "pids": tmp_path / "pids"})
    of_pod = Limits(memory_bytes=32 << 20, cpu_millis=100, pids=7)
    entry = cgroups.make(KEY, Limits(), of_pod)
    memory, pids = tmp_path / "memory" / "uid-1", tmp_path / "pids" / "uid-1"
    assert entry is not None
    assert sorted(entry.process_files) == [
        str(memory / "main.2" / "cgroup.procs"),
        str(pids / "main.2" / "cgroup.procs"),
    ]
    assert (memory / "memory.limit_in_bytes").read_text() == str(32 << 20)
    assert (pids / "pids.max").read_text() == "7"
    assert not list((memory / "main.2").iterdir())


def test_version_2_lets_controllers_into_the_groups_of_pods(unified: Path) -> None:
    cgroups = UnifiedCgroups.at(unified, "/")
    cgroups.make(KEY, Limits(), Limits(pids=7))
    pod = unified / "shoal" / "uid-1"
    assert (pod / "pids.max").read_text() == "7"
    assert (pod / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"


def test_groups_of_a_pod_are_removed_and_those_of_others_stay(tmp_path: Path) -> None:
    cgroups = LegacyCgroups({"memory": tmp_path})
    for name in ("uid-1/main.0", "uid-1/main.1", "uid-11/main.0"):
        (tmp_path / name).mkdir(parents=True)
    cgroups.remove_container(ContainerKey("uid-1", "main", 0))
    assert [path.name for path in (tmp_path / "uid-1").iterdir()] == ["main.1"]
    cgroups.remove_pod("uid-1")
    cgroups.remove_pod("uid-1")
    assert [path.name for path in tmp_path.iterdir()] == ["uid-11"]


def test_groups_are_removed_wherever_they_were_made(tmp_path: Path) -> None:
    earlier = LegacyCgroups({"memory": tmp_path / "memory", "pids": tmp_path / "pids"})
    entries = [
        earlier.make(ContainerKey("uid-1", "main", attempt), Limits(), Limits(pids=7))
        for attempt in range(2)
    ]
    (tmp_path / "pids" / "uid-1" / "pids.max").unlink()
    for entry in entries:
        assert entry is not None
        assert (tmp_path / "pids" / "uid-1").exists()
        remove_entry(entry, kept=())
    assert not (tmp_path / "pids" / "uid-1").exists()


def test_the_group_of_a_pod_that_may_start_more_stays(tmp_path: Path) -> None:
    cgroups = LegacyCgroups({"pids": tmp_path})
    entry = cgroups.make(KEY, Limits(), Limits(pids=7))
    assert entry is not None
    (tmp_path / "uid-1" / "pids.max").unlink()
    remove_entry(entry, kept=cgroups.pod_groups("uid-1"))
    assert [path.name for path in tmp_path.iterdir()] == ["uid-1"]
    assert not list((tmp_path / "uid-1").iterdir())


def test_a_group_that_goes_while_it_is_read_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of a group that is removed meanwhile the kernel says that there is no such device.
    monkeypatch.setattr(module, "_REMOVAL_TRIES", 2)
    (tmp_path / "uid-1" / "main.0" / "cgroup.procs").mkdir(parents=True)
    cgroups = LegacyCgroups({"memory": tmp_path})
    cgroups.remove_container(ContainerKey("uid-1", "main", 0))
    cgroups.remove_pod("uid-1")
