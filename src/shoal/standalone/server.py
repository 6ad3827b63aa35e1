"""`shoal up` as a program: an event loop, signals, a log file around the control plane."""

import asyncio
import errno
import logging
import logging.handlers
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import uvloop

from shoal.base.clock import SystemClock
from shoal.standalone.config import ConfigError, Settings
from shoal.standalone.control_plane import control_plane
from shoal.standalone.cyclic_garbage import resume_search

_LOG_BYTES = 10 * 1024 * 1024
_LOG_FILES = 3

OnReady = Callable[[str, Path], None]
"""Called with the server's URL and the kubeconfig once the control plane answers."""


def serve(settings: Settings, on_ready: OnReady) -> int:
    """Run until SIGTERM or SIGINT; returns how many pods go on running. Raises ConfigError where
    the data folder cannot be used or is full, and what `control_plane` raises."""
    set_up_logging(settings.data_dir)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_serve(settings, on_ready))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise ConfigError(
            f"the disk of --data-dir {settings.data_dir} is full; make room there, then start again"
        ) from error


async def _serve(settings: Settings, on_ready: OnReady) -> int:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with control_plane(settings, SystemClock()) as plane:
        resume_search()
        logging.getLogger(__name__).info("serving %s; %s", plane.url, plane.runtime)
        on_ready(plane.url, plane.kubeconfig)
        await stopped.wait()
        return plane.count_running_pods()


class LogFile(logging.handlers.RotatingFileHandler):
    """Tries the file anew with each record, and says only once that it cannot be written: on a
    full disk, tracebacks of the logging itself would drown what stderr has to say."""

    _is_told = False

    def handleError(self, record: logging.LogRecord) -> None:
        if self.stream is not None and self.stream.closed:
            # A roll-over that failed; without a stream, the next record opens one.
            self.stream = None
        if not self._is_told:
            self._is_told = True
            print(f"{self.baseFilename} cannot be written: {sys.exc_info()[1]}", file=sys.stderr)


def set_up_logging(data_dir: Path) -> None:
    """Everything goes to the data folder's shoal.log, warnings to stderr as well."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        to_file = LogFile(data_dir / "shoal.log", maxBytes=_LOG_BYTES, backupCount=_LOG_FILES)
    except OSError as error:
        raise ConfigError(f"--data-dir {data_dir} cannot be used: {error.strerror}") from error
    to_file.setLevel(logging.INFO)
    to_stderr = logging.StreamHandler()
    to_stderr.setLevel(logging.WARNING)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        handlers=[to_file, to_stderr],
    )
