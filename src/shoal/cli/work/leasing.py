"""`shoal work get`, `ack`, `nack` and `renew`: one item at a time, for shell scripts.

What is written to a token file, or printed, names the queue and the lease, so that it is all the
other commands need: `<namespace>/<queue>/<token>`.
"""

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from shoal.cli.output import CliError, reason_of
from shoal.cli.work.looking import tell_of_nothing
from shoal.cli.work.target import WhichSource, namespace_of
from shoal.work.pacing import POLL
from shoal.work.protocol import ItemLease, QueueLimits, WorkSource

DRAINED = 3
"""Exit code of `get`: the queue is drained."""
NOTHING_NOW = 4
"""Exit code of `get --no-wait`: others hold what is left."""

Act = Callable[[WorkSource, str, Sequence[str]], Sequence[str]]


def get(
    which: WhichSource,
    name: str,
    *,
    holder: str,
    limits: QueueLimits,
    token_file: Path | None,
    as_json: bool,
    is_waiting: bool,
) -> int:
    """Print an item; the exit code. Raises CliError, SourceUnavailable."""
    if token_file is None and not as_json:
        raise CliError(
            "without the token nobody can acknowledge the item; "
            "keep it with --token-file FILE, or print it with --json"
        )
    queue = which.queue(name)
    with closing(which.source(namespace_of(queue))) as source:
        lease = _leased(source, queue, holder, limits, is_waiting=is_waiting)
        if lease is None:
            size = source.size(queue)
            tell_of_nothing(queue, size)
            return DRAINED if size.is_drained else NOTHING_NOW
        try:
            _hand_over(queue, lease, token_file, as_json=as_json)
        except OSError as error:
            source.nack(queue, [lease.token], reason="not taken", uses_attempt=False)
            raise CliError(f"the item cannot be handed over: {reason_of(error)}") from error
    return 0


def _leased(
    source: WorkSource, queue: str, holder: str, limits: QueueLimits, *, is_waiting: bool
) -> ItemLease | None:
    looks = 0
    while True:
        leases = source.lease(queue, holder=holder, count=1, limits=limits)
        if leases:
            return leases[0]
        if not is_waiting or source.size(queue).is_drained:
            return None
        looks += 1
        time.sleep(POLL.delay_s(looks))


def _hand_over(queue: str, lease: ItemLease, token_file: Path | None, *, as_json: bool) -> None:
    token = f"{queue}/{lease.token}"
    if token_file is not None:
        token_file.write_text(token + "\n")
    text = lease.item.body
    if as_json:
        told = {
            "queue": queue,
            "id": lease.item.id,
            "attempt": lease.attempt,
            "token": token,
            "body": lease.item.body,
        }
        text = msgspec.json.encode(told).decode()
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def settle(
    which: WhichSource, tokens: Sequence[str], token_file: Path | None, act: Act, what: str
) -> None:
    """Do something with leases; `what` says what for people. Raises CliError when one of them was
    held no longer, SourceUnavailable."""
    tokens = [*tokens, *_kept(token_file)]
    if not tokens:
        raise CliError("name a token, or the file with it with --token-file")
    for queue, of_queue in _by_queue(tokens).items():
        with closing(which.source(namespace_of(queue))) as source:
            held = act(source, queue, of_queue)
        lost = [token for token in of_queue if token not in held]
        if lost:
            raise CliError(
                f"not {what}: the lease {queue}/{lost[0]} ran out or was given up, and the item "
                "is somebody else's, or done"
            )


def _by_queue(tokens: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for token in tokens:
        queue, _, own = token.rpartition("/")
        if queue.count("/") != 1 or not own:
            raise CliError(f'"{token}" is no token of `shoal work get`')
        found.setdefault(queue, []).append(own)
    return found


def _kept(token_file: Path | None) -> list[str]:
    if token_file is None:
        return []
    try:
        return token_file.read_text("utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(f"{token_file} holds no token: {reason_of(error)}") from error
