"""A network namespace for each pod, with an end of a cable in it.

A namespace lives as long as something holds it: here a file below /run/shoal on which it is
mounted, so pods keep theirs through restarts and the death of the agent, and a pod without a
running process keeps its own too, until it has ended for good. Some are made ahead, held by nothing
but a descriptor of this process; they vanish with it. All calls into the kernel are made by one
thread, as each makes one wait anyway. Only entering a namespace is the matter of a thread that ends
with it: one that could not come back would make all later namespaces in the wrong place.
"""

import asyncio
import errno
import os
import secrets
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from shoal.agent.network import netlink
from shoal.agent.network.bridge import discard, link_index, namespace_files, namespaces_folder
from shoal.agent.network.layout import AddressPlan, hardware_address
from shoal.agent.network.netlink import Netlink
from shoal.agent.runtime.shim import syscalls
from shoal.base.threads import in_daemon_thread

_SPARE = 4
"""Made ahead: a namespace takes two milliseconds, a pod that finds one waits half of one."""
_OWN_NAMESPACE = "/proc/thread-self/ns/net"


@dataclass(frozen=True, slots=True)
class _Namespace:
    fd: int
    connection: Netlink

    def close(self) -> None:
        self.connection.close()
        os.close(self.fd)


class PodNamespaces:
    """Those of one control plane, whose bridge is up."""

    def __init__(self, plan: AddressPlan) -> None:
        self._plan = plan
        self._folder = namespaces_folder(plan.bridge)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pod-networks")
        self._spare: list[_Namespace] = []
        self._is_closing = False
        self._thread.submit(self._top_up)

    def covers(self, address: str) -> bool:
        """Whether a pod with this address belongs on the bridge."""
        return self._plan.covers_pod(address)

    def file(self, pod_uid: str) -> Path:
        """Where the namespace of a pod is, if it has one."""
        return self._folder / pod_uid

    async def attach(self, pod_uid: str, address: str) -> None:
        """See to it that the pod has its namespace. Raises OSError."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._attach, self.file(pod_uid), address)
        self._thread.submit(self._top_up)

    async def detach(self, pod_uid: str) -> None:
        """Let go of it; its processes are dead."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, discard, self.file(pod_uid))

    async def keep(self, pod_uids: Collection[str]) -> None:
        """Let go of all others."""
        for file in list(namespace_files(self._folder)):
            if file.name not in pod_uids:
                await self.detach(file.name)

    async def close(self) -> None:
        """Namespaces of pods stay."""
        self._is_closing = True
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)
        for namespace in self._spare:
            namespace.close()
        self._spare.clear()

    def _attach(self, file: Path, address: str) -> None:
        if _is_mounted(file):
            return
        namespace = self._spare.pop() if self._spare else self._make()
        try:
            network = self._plan.pods
            mac = hardware_address(address)
            messages = netlink.inside(address, network.prefixlen, self._plan.host, mac)
            namespace.connection.send(messages, f"give the pod the address {address}")
            file.touch()
            syscalls.mount(f"/proc/self/fd/{namespace.fd}", str(file), None, syscalls.MS_BIND)
        finally:
            namespace.close()

    def _top_up(self) -> None:
        """One at a time, so that pods do not wait for more than that."""
        if self._is_closing or len(self._spare) >= _SPARE:
            return
        try:
            self._spare.append(self._make())
        except OSError:
            # Whoever needs one is told.
            return
        if not self._is_closing:
            self._thread.submit(self._top_up)

    def _make(self) -> _Namespace:
        index = link_index(self._plan.bridge)
        if index is None:
            raise OSError(f"the bridge {self._plan.bridge} is gone; start the control plane again")
        with Netlink() as outside:
            namespace = in_daemon_thread("pod-network", _enter_new).result()
            name = f"shv{secrets.token_hex(6)}"
            try:
                outside.send([netlink.pair(name, index, namespace.fd)], "connect a pod")
            except OSError as error:
                namespace.close()
                if error.errno == errno.EXFULL:
                    raise OSError(errno.EXFULL, _full(self._plan.bridge)) from error
                raise
        return namespace


def _full(bridge: str) -> str:
    return (
        f"connect a pod: the bridge {bridge} takes 1023 pods at a time, and has them; end some, "
        "or set network.namespaces to false in shoal.yaml"
    )


def _enter_new() -> _Namespace:
    """A new namespace with a socket in it; the thread is in it from now on. Raises OSError."""
    syscalls.unshare(syscalls.CLONE_NEWNET, "make a network namespace")
    connection = Netlink()
    try:
        return _Namespace(os.open(_OWN_NAMESPACE, os.O_RDONLY), connection)
    except OSError:
        connection.close()
        raise


def _is_mounted(file: Path) -> bool:
    try:
        return file.stat().st_dev != file.parent.stat().st_dev
    except FileNotFoundError:
        return False
