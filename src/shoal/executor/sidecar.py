"""The sidecar's program: `python -m shoal.executor.sidecar`.

Needs POD_NAME, POD_NAMESPACE, POD_UID and PLOTO_DIR in the environment, as the controller sets
them, and the pod's service account (or KUBECONFIG). It may read its own pod, and read and patch
the status of tasks in its namespace.

SIGTERM comes after the container has ended. No task is handed over from then on, which the last
words say in the termination message; and a result that the container left is reported.
"""

import asyncio
import logging
import os
import random
import signal
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from shoal.api.ploto import LastWords
from shoal.base.clock import SystemClock
from shoal.client.connection import KubeconfigError, load_connection
from shoal.client.http import HttpClient
from shoal.client.reflector import Reflector
from shoal.executor import assignments, exchange
from shoal.executor.assignments import AssignmentFeed, Identity, OwnPod
from shoal.executor.directory_watch import DirectoryWatch
from shoal.executor.sidecar_loop import Sidecar


async def serve() -> None:
    """Until SIGTERM."""
    directory = exchange.exchange_directory()
    # One that an earlier sidecar left would call this one ready before it is.
    (directory / exchange.READY_FILE).unlink(missing_ok=True)
    identity = Identity(os.environ["POD_NAME"], os.environ["POD_NAMESPACE"], os.environ["POD_UID"])
    clock = SystemClock()
    client = HttpClient(await load_connection())
    feed = AssignmentFeed(identity)
    watch = DirectoryWatch(directory)
    reflector = Reflector(
        client,
        assignments.PODS,
        feed,
        clock,
        random.Random(),
        namespace=identity.namespace,
        field_selector=identity.field_selector,
    )
    sidecar = Sidecar(client, identity, feed, directory, watch, clock)
    try:
        await _until_sigterm(reflector, sidecar)
        _say(sidecar.last_words())
        await sidecar.report_last()
    finally:
        watch.close()
        await client.close()


async def _until_sigterm(reflector: Reflector[OwnPod], sidecar: Sidecar) -> None:
    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(reflector.run())
            group.create_task(sidecar.run())

    working = asyncio.create_task(work())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, working.cancel)
    with suppress(asyncio.CancelledError):
        await working


def _say(words: LastWords) -> None:
    """In the termination message, wherever the node has put its file."""
    path = Path(os.environ.get("SHOAL_TERMINATION_LOG") or "/dev/termination-log")
    if path.exists():
        path.write_bytes(msgspec.json.encode(words))


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        asyncio.run(serve())
    except KubeconfigError as error:
        print(f"ploto-sidecar: {error}", file=sys.stderr)
        return 1
    except KeyError as error:
        print(f"ploto-sidecar: {error.args[0]} is not in the environment", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
