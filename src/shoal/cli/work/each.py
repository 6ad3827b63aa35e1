"""`shoal work each`: a command for every item, with the lease kept alive while it runs."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType

from shoal.base.clock import SystemClock
from shoal.cli.output import CliError
from shoal.work.keeper import Kept, LeaseKeeper
from shoal.work.pacing import MAX_BATCH
from shoal.work.protocol import QueueLimits, WorkSource

STOPPED = 128 + signal.SIGTERM
_CANNOT_RUN = 127
_MAX_VARIABLE_BYTES = 100_000
"""Linux takes 128 KiB in one variable; longer items come by standard input only."""


class CommandLoop:
    """Runs the command for one item after the other, until there is none, enough were taken, or
    SIGTERM comes, which the command gets as well."""

    def __init__(
        self,
        source: WorkSource,
        queue: str,
        command: Sequence[str],
        *,
        holder: str,
        limits: QueueLimits,
        count: int,
    ) -> None:
        """`count` is how many items are taken; 0 takes all."""
        self._command = command
        self._count = count
        most = min(count, MAX_BATCH) if count else MAX_BATCH
        self._keeper = LeaseKeeper(
            source, queue, holder=holder, limits=limits, clock=SystemClock(), most=most
        )
        self._running: subprocess.Popen[bytes] | None = None
        self._last_failure = 0

    def run(self) -> int:
        """The exit code: 0 when the queue is drained, or all of `count` went well; else that of
        the last command that failed; STOPPED after SIGTERM. Raises CliError, SourceUnavailable."""
        usual = signal.signal(signal.SIGTERM, self._stop)
        self._keeper.start()
        is_stopped = False
        try:
            self._go_through()
            self._keeper.flush()
            is_stopped = self._keeper.is_stopping
        finally:
            self._keeper.close()
            signal.signal(signal.SIGTERM, usual)
        self._report()
        if is_stopped:
            return STOPPED
        return self._last_failure if self._count else 0

    def _go_through(self) -> None:
        taken = 0
        while (self._count == 0 or taken < self._count) and (kept := self._keeper.take()):
            taken += 1
            self._do(kept)

    def _do(self, kept: Kept) -> None:
        try:
            code = self._run_command(kept)
        except OSError as error:
            self._keeper.hand_back(kept)
            raise CliError(
                f"{self._command[0]} cannot be run: {error.strerror}; the item was handed back"
            ) from error
        if code == 0:
            self._keeper.finish(kept)
        elif self._keeper.is_stopping:
            self._keeper.hand_back(kept)
        else:
            self._last_failure = code if code > 0 else 128 - code
            item, attempt = kept.lease.item, kept.lease.attempt
            _say(f"item {item.id} failed at attempt {attempt}: exit code {self._last_failure}")
            self._keeper.fail(kept, f"exit code {self._last_failure}")

    def _run_command(self, kept: Kept) -> int:
        body = kept.lease.item.body.encode()
        variables = {**os.environ, "ITEM_ATTEMPT": str(kept.lease.attempt)}
        variables.pop("ITEM", None)
        if len(body) <= _MAX_VARIABLE_BYTES:
            variables["ITEM"] = kept.lease.item.body
        with subprocess.Popen(self._command, stdin=subprocess.PIPE, env=variables) as process:
            self._running = process
            try:
                if self._keeper.is_stopping:
                    process.terminate()
                process.communicate(body + b"\n")
            finally:
                self._running = None
        return process.returncode

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._keeper.stop()
        if self._running is not None:
            self._running.terminate()

    def _report(self) -> None:
        tally = self._keeper.tally
        if tally.lost:
            _say(f"{tally.lost} leases ran out before the command had ended; others do these items")
        _say(f"{tally.done} done, {tally.failed} failed")


def _say(text: str) -> None:
    sys.stderr.write(f"shoal work: {text}\n")
