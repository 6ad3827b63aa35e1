"""Volumes on disk: whole versions, swapped at once."""

import stat
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from shoal.agent.environment import ConfigProblem
from shoal.agent.runtime.paths import PodPaths
from shoal.agent.volumes.layout import lay_out, write_files
from shoal.agent.volumes.mounts import mount_volumes
from shoal.agent.volumes.plan import EmptyDirPlan, File, FilesPlan, HostPathPlan, VolumeProblem
from shoal.api.pod import Container, VolumeMount
from shoal.api.pod_volumes import Volume

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)


def file(text, mode=0o644):
    return File(data=text.encode(), mode=mode)


def test_files_are_links_into_one_version(tmp_path):
    write_files(tmp_path, {"a": file("1", 0o600), "d/b": file("2")}, NOW)
    assert (tmp_path / "a").read_text() == "1"
    assert (tmp_path / "d" / "b").read_text() == "2"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    assert (tmp_path / "..data").is_symlink()
    assert (tmp_path / "a").readlink().parts == ("..data", "a")


def test_what_a_killed_writer_left_undone_is_done_by_the_next_round(tmp_path):
    files = {"a": file("1"), "b": file("2")}
    write_files(tmp_path, files, NOW)
    version = (tmp_path / "..data").readlink()
    # Killed before the links were made, and before an older version was deleted.
    (tmp_path / "b").unlink()
    (tmp_path / "gone").symlink_to("..data/gone")
    (tmp_path / "..2025_12_31_00_00_00.000000").mkdir()
    write_files(tmp_path, files, LATER)
    assert {path.name for path in tmp_path.iterdir()} == {"..data", str(version), "a", "b"}
    assert (tmp_path / "b").read_text() == "2"


def test_files_that_cannot_be_written_leave_nothing_behind(tmp_path):
    with pytest.raises(OSError):
        write_files(tmp_path, {"a": file("1"), "a/b": file("2")}, NOW)
    assert not list(tmp_path.iterdir())


def test_an_update_replaces_all_files_at_once_and_drops_the_old_version(tmp_path):
    write_files(tmp_path, {"a": file("1"), "gone": file("x")}, NOW)
    before = (tmp_path / "..data").readlink()
    write_files(tmp_path, {"a": file("2"), "new": file("y")}, LATER)
    assert (tmp_path / "..data").readlink() != before
    assert not (tmp_path / before).exists()
    names = {path.name for path in tmp_path.iterdir() if not path.name.startswith("..")}
    assert names == {"a", "new"}
    assert (tmp_path / "a").read_text() == "2"


def test_nothing_is_written_where_nothing_changed(tmp_path):
    write_files(tmp_path, {"a": file("1")}, NOW)
    before = (tmp_path / "..data").readlink()
    write_files(tmp_path, {"a": file("1")}, LATER)
    assert (tmp_path / "..data").readlink() == before


def test_a_volume_without_files_is_an_empty_directory(tmp_path):
    write_files(tmp_path, {}, NOW)
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith("..")] == []


def test_an_empty_dir_keeps_its_content(tmp_path):
    paths = PodPaths(tmp_path, "u")
    [place] = lay_out([EmptyDirPlan(name="e")], paths, NOW).values()
    (place / "f").write_text("kept")
    lay_out([EmptyDirPlan(name="e")], paths, LATER)
    assert (place / "f").read_text() == "kept"
    assert stat.S_IMODE(place.stat().st_mode) == 0o777


@pytest.mark.parametrize(
    ("type", "message"),
    [
        ("Directory", "is not a directory"),
        ("Socket", "is not a socket file"),
        ("CharDevice", "is not a character device"),
        ("BlockDevice", "is not a block device"),
    ],
)
def test_a_host_path_of_another_type_is_refused(tmp_path, type, message):
    path = tmp_path / "f"
    path.write_text("")
    with pytest.raises(VolumeProblem) as problem:
        lay_out([HostPathPlan(name="h", path=str(path), type=type)], PodPaths(tmp_path, "u"), NOW)
    assert problem.value.message == (
        f'MountVolume.SetUp failed for volume "h" : hostPath type check failed: {path} {message}'
    )


def test_a_host_path_is_made_where_that_is_asked_for(tmp_path):
    paths = PodPaths(tmp_path, "u")
    directory, touched = tmp_path / "d" / "e", tmp_path / "f"
    lay_out([HostPathPlan(name="d", path=str(directory), type="DirectoryOrCreate")], paths, NOW)
    lay_out([HostPathPlan(name="f", path=str(touched), type="FileOrCreate")], paths, NOW)
    assert directory.is_dir() and touched.is_file()


def mounts(volume, **mount):
    container = Container(
        name="c", volume_mounts=[VolumeMount(name="v", mount_path="/data", **mount)]
    )
    return mount_volumes(container, [], {"v": volume}, {"POD": "p-0"})


def test_a_sub_path_shows_the_file_itself(tmp_path):
    plan = FilesPlan(name="v", files={"k": file("1")})
    [volume] = lay_out([plan], PodPaths(tmp_path, "u"), NOW).values()
    [mount] = mounts(volume, sub_path="k")
    assert mount.source.read_text() == "1" and not mount.source.is_symlink()


def test_a_sub_path_that_is_not_there_becomes_a_directory(tmp_path):
    [mount] = mounts(tmp_path, sub_path_expr="$(POD)/x")
    assert mount.source == tmp_path.resolve() / "p-0" / "x"
    assert mount.source.is_dir()


def test_folders_for_sub_paths_have_the_mode_of_the_volume(tmp_path):
    [volume] = lay_out([EmptyDirPlan(name="e")], PodPaths(tmp_path, "u"), NOW).values()
    volume.chmod(0o2777)
    [mount] = mounts(volume, sub_path="x/y")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (mount.source, mount.source.parent)]
    assert modes == [0o2777, 0o2777]
    mount.source.chmod(0o700)
    assert mounts(volume, sub_path="x/y") == [mount]
    assert stat.S_IMODE(mount.source.stat().st_mode) == 0o700


def test_a_sub_path_cannot_lead_out_of_its_volume(tmp_path):
    volume = tmp_path / "v"
    volume.mkdir()
    (volume / "out").symlink_to(tmp_path)
    with pytest.raises(ConfigProblem):
        mounts(volume, sub_path="out/x")


@pytest.mark.parametrize("sub_path", ["round/x", "nu\0ll"])
def test_a_sub_path_that_no_file_can_have_is_a_problem(tmp_path, sub_path):
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(ConfigProblem, match=r"subPath .* cannot be used"):
        mounts(tmp_path, sub_path=sub_path)


def test_a_path_of_the_host_that_no_file_can_have_is_a_problem(tmp_path):
    plan = HostPathPlan(name="v", path=f"{tmp_path}/nu\0ll", type="")
    with pytest.raises(VolumeProblem, match=r"hostPath .* cannot be used"):
        lay_out([plan], PodPaths(tmp_path, "u"), NOW)


@pytest.mark.parametrize(
    ("source", "is_read_only"),
    [
        ({"configMap": {"name": "m"}}, True),
        ({"secret": {"secretName": "s"}}, True),
        ({"downwardAPI": {}}, True),
        ({"projected": {}}, True),
        ({"emptyDir": {}}, False),
    ],
)
def test_what_follows_an_object_is_mounted_read_only(tmp_path, source, is_read_only):
    container = Container(name="c", volume_mounts=[VolumeMount(name="v", mount_path="/data")])
    volume = msgspec.convert({"name": "v", **source}, Volume)
    [mount] = mount_volumes(container, [volume], {"v": tmp_path}, {})
    assert mount.read_only is is_read_only


def test_a_mount_of_no_volume_is_a_problem():
    container = Container(name="c", volume_mounts=[VolumeMount(name="no", mount_path="/data")])
    with pytest.raises(ConfigProblem):
        mount_volumes(container, [], {}, {})
