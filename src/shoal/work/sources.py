"""Opens a work source by its URL: the one place that knows all kinds of them."""

from pathlib import Path
from urllib.parse import unquote

from shoal.base.clock import Clock, SystemClock
from shoal.work.addresses import FILE_PREFIX, POSTGRESQL_SCHEMES, address_of, shown
from shoal.work.protocol import SourceUnavailable, WorkSource

KNOWN = "sqlite:///absolute/path.db, postgresql://host/database, redis://host or rediss://host"


def open_source(
    url: str, clock: Clock | None = None, *, timeout_s: float | None = None
) -> WorkSource:
    """The source at `url`; nothing is asked of it before the first call. `clock` is that of
    SQLite; servers have their own. A server that takes longer than `timeout_s` for one call, where
    that is given, does not answer. Raises SourceUnavailable for a URL of no known kind."""
    if url.startswith(FILE_PREFIX):
        from shoal.work.sqlite import SqliteSource

        return SqliteSource(_path_of(url), clock or SystemClock())
    address = address_of(url)
    if address is None:
        raise SourceUnavailable(
            f"the URL is of no known kind of work source, or cannot be read; use {KNOWN}; in a "
            "password, write %40 for @, %2F for /, %3F for ?, %23 for #, %25 for %"
        )
    if address.scheme in POSTGRESQL_SCHEMES:
        from shoal.work.postgresql import PostgresqlSource

        return PostgresqlSource(url, timeout_s)
    from shoal.work.redis import RedisSource

    return RedisSource(url, timeout_s)


def _path_of(url: str) -> Path:
    path = unquote(url.removeprefix(FILE_PREFIX).partition("?")[0].partition("#")[0])
    if not path.strip("/") or "\0" in path:
        raise SourceUnavailable(
            f"{shown(url)} names no SQLite file: use sqlite:/// and an absolute path"
        )
    return Path("/" + path.lstrip("/"))
