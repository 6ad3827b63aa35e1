"""Opens a work source by its URL: the one place that knows all kinds of them."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from shoal.base.clock import Clock, SystemClock
from shoal.work.addresses import shown
from shoal.work.protocol import SourceUnavailable, WorkSource

KNOWN = "sqlite:///absolute/path.db, postgresql://host/database, redis://host or rediss://host"
_FILE_SCHEME = "sqlite"


def open_source(url: str, clock: Clock | None = None) -> WorkSource:
    """The source at `url`; nothing is asked of it before the first call. `clock` is that of
    SQLite; servers have their own. Raises SourceUnavailable for a URL of no known kind."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise SourceUnavailable(f"the work source's URL is none; use {KNOWN}") from error
    if parts.scheme == _FILE_SCHEME:
        path = unquote(parts.path)
        if parts.netloc or not path.startswith("/") or path == "/":
            raise SourceUnavailable(
                f"{shown(url)} names no SQLite file: use sqlite:/// and an absolute path"
            )
        from shoal.work.sqlite import SqliteSource

        return SqliteSource(Path("/" + path.lstrip("/")), clock or SystemClock())
    if parts.scheme in ("postgresql", "postgres"):
        from shoal.work.postgresql import PostgresqlSource

        return PostgresqlSource(url)
    if parts.scheme in ("redis", "rediss"):
        from shoal.work.redis import RedisSource

        return RedisSource(url)
    raise SourceUnavailable(f"{shown(url)} is no known kind of work source; use {KNOWN}")
