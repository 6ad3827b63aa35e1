"""What pods of faulty times run: it goes through a work queue and keeps a log of deliveries.

    python tests/fault_program.py FOLDER PAUSE_S drain|one|forever

Each start has a log of its own, `log-POD-START`, in the folder. It is open for as long as the
program runs, which is how a test finds the process; a line is on the disk before the program goes
on. `begin ID EXPIRES_S NOW_S`, then `acked ID`, `lost ID`, `unsure ID` or `failed ID`; `end` when
the queue is drained, or with `one` when an item is done. The body of an item that fails every time
is `poison`. With `forever` there is no queue, and an item 0 that is never done.
"""

import os
import secrets
import signal
import sys
import time

from shoal.worker import HeldItem, Work, work

POISON = "poison"


def main(folder: str, pause_s: float, way: str) -> None:
    pod = os.environ["POD_NAME"]
    path = f"{folder}/log-{pod}-{secrets.token_hex(4)}"
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def note(*words: object) -> None:
        os.write(file, (" ".join(map(str, words)) + "\n").encode())
        os.fsync(file)

    if way == "forever":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        note("begin", 0, 0, time.time())
        signal.pause()
    items = work(batch=1)
    for item in items:
        # When this delivery is over if nothing renews it: nobody else may begin before.
        expires_s = item._kept.lease.expires_at_s  # pyright: ignore[reportPrivateUsage]
        note("begin", item.id, expires_s, time.time())
        time.sleep(pause_s)
        outcome = settled(items, item)
        note(outcome, item.id)
        if way == "one" and outcome == "acked":
            break
    note("end")


def settled(items: Work, item: HeldItem) -> str:
    """Say what became of the item; what the source answered."""
    if item.body == POISON:
        return "failed" if item.nack("it always does", delay_s=0.1) else "lost"
    unsure = items.tally.unsure
    if item.ack():
        return "acked"
    return "unsure" if items.tally.unsure > unsure else "lost"


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3])
