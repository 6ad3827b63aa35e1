"""Database servers that tests of work queues run against: real ones, started by the test run.

Each worker of the test run starts its own when the first test asks, and ends it with the session.
"""

import os
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shoal.testing import databases
from shoal.testing.databases import DatabaseServer, NoSuchServer


@contextmanager
def running(kind: str) -> Generator[DatabaseServer]:
    """A server of the kind, in a folder of its own outside of pytest's: other sessions of pytest
    shut those to the user that PostgreSQL runs as. The test is skipped where the server is not
    installed, but not in CI."""
    with tempfile.TemporaryDirectory(prefix="shoal-server-") as made:
        folder = Path(made)
        folder.chmod(0o711)
        try:
            server = _made(kind, folder / kind)
        except NoSuchServer as error:
            if os.environ.get("SHOAL_TESTS_NEED_SERVERS"):
                raise
            pytest.skip(str(error))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _made(kind: str, folder: Path) -> DatabaseServer:
    if kind == "postgresql":
        return databases.postgresql(folder)
    # Tests kill servers, and count on every answer.
    make = databases.redis if kind == "redis" else databases.valkey
    return make(folder, fsync="always")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[DatabaseServer]:
    with running("postgresql") as server:
        yield server


@pytest.fixture(scope="session")
def redis() -> Iterator[DatabaseServer]:
    with running("redis") as server:
        yield server


@pytest.fixture(scope="session")
def valkey() -> Iterator[DatabaseServer]:
    with running("valkey") as server:
        yield server
