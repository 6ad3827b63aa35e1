"""What a control plane leaves running, and its end.

Containers outlive the process on purpose, and the proxy that connects them with Services does with
them; whoever wants them gone as well asks for it here.
"""

import asyncio
import logging
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from shoal.agent.network import bridge
from shoal.agent.network.layout import bridge_name
from shoal.agent.network.proxy_process import ProxyProcess
from shoal.agent.runtime.probing import RuntimeChooser
from shoal.agent.runtime.shim.order import ORDER_FILE
from shoal.agent.runtime.shim.processes import open_process
from shoal.agent.runtime.shim.records import EXIT_FILE, SHIM_FILE, read_shim_record
from shoal.agent.runtime.spawning import is_in_use
from shoal.base.clock import Clock
from shoal.standalone.config import STORE_FILE
from shoal.store.database import FileLock
from shoal.store.protocol import StoreUnusable

_log = logging.getLogger(__name__)


async def end_pods(data_dir: Path, clock: Clock) -> int:
    """End every container of the data folder's pods; how many pods there were. Raises OSError
    where a control plane still runs on the folder."""
    pods_dir = data_dir / "pods"
    if not pods_dir.exists():
        return 0
    try:
        lock = FileLock(data_dir / STORE_FILE)
    except StoreUnusable as error:
        raise OSError(f"`shoal up` runs on {data_dir}; end it first, with Ctrl-C") from error
    try:
        return await _end_pods(data_dir, pods_dir, clock)
    finally:
        lock.release()


async def _end_pods(data_dir: Path, pods_dir: Path, clock: Clock) -> int:
    choice = await RuntimeChooser(clock).choose("auto", pods_dir)
    try:
        pods = await choice.runtime.recover()
        for pod in pods:
            try:
                await choice.runtime.remove_pod(pod.uid)
            except OSError as error:
                # Its processes are dead; the others' are not yet.
                _log.warning("files of pod %s/%s stay: %s", pod.namespace, pod.name, error)
        await asyncio.to_thread(ProxyProcess(data_dir).end)
    finally:
        await choice.runtime.close()
    name = bridge_name(str(await asyncio.to_thread(data_dir.resolve)))
    if bridge.namespaces_folder(name).exists():
        await asyncio.to_thread(bridge.take_down, name)
    return len(pods)


@asynccontextmanager
async def proxy_for_pods(data_dir: Path) -> AsyncGenerator[ProxyProcess]:
    """Afterwards it has ended, unless pods go on."""
    process = ProxyProcess(data_dir)
    yield process
    if not await asyncio.to_thread(has_live_containers, data_dir / "pods"):
        await asyncio.to_thread(process.end)


def has_live_containers(pods_dir: Path) -> bool:
    """Or some that are being started. Raises OSError."""
    # Asked first: a launch that ends meanwhile has left its records by then.
    is_launching = is_in_use(pods_dir)
    orders = pods_dir.glob(f"*/containers/*/*/{ORDER_FILE}")
    return any(_may_live(order.parent, is_launching) for order in orders)


def _may_live(container: Path, is_launching: bool) -> bool:
    if (container / EXIT_FILE).exists():
        return False
    if not (container / SHIM_FILE).exists():
        # A start that failed without room for a record leaves neither.
        return is_launching
    shim = read_shim_record(container)
    if shim is None:
        # A program has spoiled it, and may well go on.
        return True
    pidfd = open_process(shim.identity)
    if pidfd is None:
        return False
    os.close(pidfd)
    return True
