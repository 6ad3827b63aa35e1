"""End what a stopped control plane left running.

Containers outlive the process on purpose; whoever wants them gone as well asks for it here.
"""

import asyncio
from pathlib import Path

from shoal.agent.network import bridge
from shoal.agent.network.layout import bridge_name
from shoal.agent.runtime.probing import RuntimeChooser
from shoal.base.clock import Clock


async def end_pods(data_dir: Path, clock: Clock) -> int:
    """End every container of the data folder's pods; how many pods there were. Raises OSError
    where a control plane still runs on the folder."""
    pods_dir = data_dir / "pods"
    if not pods_dir.exists():
        return 0
    choice = await RuntimeChooser(clock).choose("auto", pods_dir)
    try:
        pods = await choice.runtime.recover()
        for pod in pods:
            await choice.runtime.remove_pod(pod.uid)
    finally:
        await choice.runtime.close()
    name = bridge_name(str(await asyncio.to_thread(data_dir.resolve)))
    if bridge.namespaces_folder(name).exists():
        await asyncio.to_thread(bridge.take_down, name)
    return len(pods)
