"""The root of a sandbox, as far as it takes no mounts to try it."""

import os

import pytest

from shoal.agent.runtime.shim import filesystem

MAKE = {
    "file": lambda path: path.write_text(""),
    "link": lambda path: path.symlink_to("anywhere"),
}


@pytest.mark.parametrize("kind", MAKE)
def test_what_goes_away_while_a_busy_folder_is_mirrored_is_left_out(tmp_path, kind):
    source, target = tmp_path / "source", tmp_path / "target"
    MAKE[kind](source)
    [entry] = os.scandir(tmp_path)
    source.unlink()
    filesystem.mirror_entry(entry, str(target))
    assert not target.exists()
