"""Folders that are volumes: made for claims, and nothing else is ever removed."""

from pathlib import Path

import pytest

from shoal.controllers.kube.volume_folders import VolumeFolders


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data" / "volumes"


async def test_a_folder_made_twice_keeps_what_is_in_it(root: Path) -> None:
    folders = VolumeFolders(root)
    path = await folders.make("uid-1")
    (path / "file").write_text("kept")
    assert await folders.make("uid-1") == path == root / "uid-1"
    assert (path / "file").read_text() == "kept"
    assert path.stat().st_mode & 0o777 == 0o777


async def test_a_folder_goes_with_all_in_it_but_not_what_its_links_name(root: Path) -> None:
    folders = VolumeFolders(root)
    outside = root.parent / "outside"
    path = await folders.make("uid-1")
    outside.mkdir()
    (outside / "file").touch()
    (path / "link").symlink_to(outside)
    (path / "deep").mkdir()
    (path / "deep" / "file").touch()
    (path / "deep").chmod(0o500)
    await folders.remove(path)
    await folders.remove(path)
    assert not path.exists()
    assert (outside / "file").exists()


@pytest.mark.parametrize("place", ["..", ".", "uid-1/inner", "../other", "/etc"])
async def test_what_is_no_folder_of_a_claim_stays(root: Path, place: str) -> None:
    folders = VolumeFolders(root)
    await folders.make("uid-1")
    (root / "uid-1" / "inner").mkdir()
    (root.parent / "other").mkdir()
    with pytest.raises(PermissionError, match="remove it by hand"):
        await folders.remove(root / place)
    assert (root / "uid-1" / "inner").exists()
    assert (root.parent / "other").exists()
