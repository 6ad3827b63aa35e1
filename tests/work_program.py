"""A program that goes through a work queue and keeps a diary, for tests that kill it.

    python tests/work_program.py FOLDER PAUSE_S once|grouped

The diary is `diary-PID` in the folder. A line of it is written in one call, so that a killed
program leaves whole lines only: `begin ID`, `held ID` or `unheld ID`, then `acked ID` or `lost ID`;
with `grouped`, where the loop acknowledges by itself, `begin ID` and `done ID`; at the end
`tally LOST UNSURE`.
"""

import os
import sys
import time

from shoal.worker import work


def main(folder: str, pause_s: float, way: str) -> None:
    file = os.open(f"{folder}/diary-{os.getpid()}", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def note(*words: object) -> None:
        os.write(file, (" ".join(map(str, words)) + "\n").encode())

    items = work()
    for item in items:
        note("begin", item.id)
        time.sleep(pause_s)
        if way == "grouped":
            note("done", item.id)
        else:
            note("held" if item.is_held() else "unheld", item.id)
            note("acked" if item.ack() else "lost", item.id)
    note("tally", items.tally.lost, items.tally.unsure)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3])
