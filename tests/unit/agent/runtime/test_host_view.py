"""Which folders a user may not enter, above what it is to come to."""

import os
from pathlib import Path

import pytest

from shoal.agent.runtime.host_view import may_enter, shut_folders


@pytest.mark.parametrize(
    ("mode", "user_id", "group_ids", "expected"),
    [
        (0o700, 0, {0}, True),
        (0o700, 7, {7}, True),
        (0o600, 7, {8}, False),
        # The first class that fits decides, as it does in the kernel.
        (0o611, 7, {8}, False),
        (0o601, 1, {8}, False),
        (0o710, 1, {1, 8}, True),
        (0o700, 1, {8}, False),
        (0o701, 1, {1}, True),
        (0o710, 1, {1}, False),
    ],
)
def test_a_folder_lets_in_whom_its_rights_name(
    mode: int, user_id: int, group_ids: set[int], expected: bool
):
    assert may_enter(mode, 7, 8, user_id, group_ids) == expected


def test_the_outermost_shut_folder_is_found_once(tmp_path: Path):
    shut = tmp_path / "shut"
    for name in ("a", "b"):
        (shut / "deep" / name).mkdir(parents=True)
    for folder in (shut, shut / "deep"):
        folder.chmod(0o700)
    somebody = os.geteuid() + 4321
    paths = [str(shut / "deep" / name) for name in ("a", "b")]
    [found] = shut_folders(paths, somebody, {somebody})
    # Folders of tests may be shut themselves.
    assert shut.is_relative_to(found)
    assert not Path(found).stat().st_mode & 0o001
    assert all(folder.stat().st_mode & 0o001 for folder in Path(found).parents)
    assert shut_folders(paths, os.geteuid(), {os.getegid()}) == []
