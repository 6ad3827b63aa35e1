"""Volumes that are given to a group."""

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shoal.agent.runtime.paths import PodPaths
from shoal.agent.volumes.layout import lay_out
from shoal.agent.volumes.mounts import mount_volumes
from shoal.agent.volumes.ownership import belongs_to, give_to_group
from shoal.agent.volumes.plan import EmptyDirPlan, File, FilesPlan
from shoal.api.pod import Container, VolumeMount

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GROUP = 2000 if os.geteuid() == 0 else os.getegid()
"""Only root may give a file to a group that is not its own."""


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize(
    ("read_only", "file_mode", "directory_mode"), [(False, 0o660, 0o2770), (True, 0o640, 0o2750)]
)
def test_the_group_gets_the_rights_that_the_kubelet_gives(
    tmp_path: Path, read_only: bool, file_mode: int, directory_mode: int
) -> None:
    volume = tmp_path / "volume"
    (volume / "sub").mkdir(parents=True)
    (volume / "sub" / "file").touch()
    (volume / "link").symlink_to("/etc/passwd")
    for path, mode in ((volume, 0o700), (volume / "sub", 0o700), (volume / "sub" / "file", 0o600)):
        path.chmod(mode)
    before = mode_of(Path("/etc/passwd"))
    give_to_group(volume, GROUP, read_only=read_only)
    wanted = file_mode if not read_only else 0o600 | 0o440
    assert mode_of(volume / "sub" / "file") == wanted
    assert mode_of(volume) == mode_of(volume / "sub") == (directory_mode | (0o040))
    assert (volume / "link").lstat().st_gid == volume.stat().st_gid == GROUP
    assert mode_of(Path("/etc/passwd")) == before


def test_what_was_given_is_not_gone_through_again(tmp_path: Path) -> None:
    give_to_group(tmp_path, GROUP, read_only=False)
    assert belongs_to(tmp_path, GROUP)
    later = tmp_path / "private"
    later.touch(mode=0o600)
    give_to_group(tmp_path, GROUP, read_only=False)
    assert mode_of(later) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives volumes away")
def test_folders_for_sub_paths_belong_to_the_pods_group(tmp_path: Path) -> None:
    plans = [EmptyDirPlan(name="e")]
    volumes = lay_out(plans, PodPaths(tmp_path, "u"), NOW, group_id=GROUP)
    wanted = VolumeMount(name="e", mount_path="/data", sub_path="x/y")
    [mount] = mount_volumes(Container(name="c", volume_mounts=[wanted]), [], volumes, {})
    for path in (mount.source, mount.source.parent):
        assert belongs_to(path, GROUP)
        assert mode_of(path) == 0o2777


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives volumes away")
def test_the_pods_own_volumes_are_given_to_its_group_and_stay_so(tmp_path: Path) -> None:
    paths = PodPaths(tmp_path, "u")
    plans = [
        EmptyDirPlan(name="e"),
        FilesPlan(name="f", files={"secret": File(data=b"1", mode=0o400)}),
    ]
    places = lay_out(plans, paths, NOW, group_id=GROUP)
    version = (places["f"] / "..data").readlink()
    assert belongs_to(places["e"], GROUP)
    assert mode_of(places["f"] / "..data" / "secret") == 0o440
    assert (places["f"] / "secret").stat().st_gid == GROUP
    later = datetime(2026, 1, 2, tzinfo=UTC)
    assert (lay_out(plans, paths, later, group_id=GROUP)["f"] / "..data").readlink() == version
