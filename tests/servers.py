"""Database servers that tests of work queues run against: real ones, started by the test run.

Each worker of the test run starts its own when the first test asks, and ends it with the session.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from shoal.testing import databases
from shoal.testing.databases import DatabaseServer, NoSuchServer


def readable(folder: Path) -> Path:
    """Opens the way to a folder of pytest's to the user that PostgreSQL runs as."""
    for each in (folder, *folder.parents):
        if each.stat().st_uid == os.geteuid() and not each.stat().st_mode & 0o001:
            each.chmod(each.stat().st_mode | 0o011)
    return folder


def started(kind: str, folder: Path) -> DatabaseServer:
    """A server of the kind; the test is skipped where it is not installed, but not in CI."""
    place = readable(folder) / kind
    try:
        # Tests kill servers, and count on every answer.
        is_postgresql = kind == "postgresql"
        server = databases.postgresql(place) if is_postgresql else databases.redis(place, "always")
    except NoSuchServer as error:
        if os.environ.get("SHOAL_TESTS_NEED_SERVERS"):
            raise
        pytest.skip(str(error))
    server.start()
    return server


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseServer]:
    server = started("postgresql", tmp_path_factory.mktemp("server"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseServer]:
    server = started("redis", tmp_path_factory.mktemp("server"))
    yield server
    server.stop()
