"""The container of the quick starts: `python -m shoal.executor.simple_logger`.

Works on each task for `--simulate-exe-time` seconds, then prints its `para`. A task whose `para`
is `crash` ends the process at once, so that its executor dies.
"""

import argparse
import os
import sys
import time

from shoal.executor.task_loop import tasks

CRASH = "crash"


def main(arguments: list[str]) -> None:
    """Work until SIGTERM."""
    parser = argparse.ArgumentParser(prog="simple-logger", description=__doc__)
    parser.add_argument("--simulate-exe-time", type=float, default=0.0, metavar="SECONDS")
    execution_time_s: float = parser.parse_args(arguments).simulate_exe_time
    print("simple-logger waits for tasks", flush=True)
    for task in tasks():
        if task.para == CRASH:
            print(f"{task.name}: crashing, attempt {task.attempt}", flush=True)
            # Not an exception: that would be reported, and the executor would live.
            os._exit(1)
        time.sleep(execution_time_s)
        print(f"{task.name}: {task.para}", flush=True)
        task.complete(output=task.para)


if __name__ == "__main__":
    main(sys.argv[1:])
