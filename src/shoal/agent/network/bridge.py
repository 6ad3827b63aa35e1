"""The bridge of a control plane: made when it starts, gone when it ends without pods.

What belongs to it bears its name: the interface, its table of the `firewall`, and a folder below
/run/shoal with the namespaces of pods and the path of the data folder whose control plane this is.
Blocking; all of it needs root.
"""

import errno
import logging
from collections.abc import Iterable
from pathlib import Path

from shoal.agent.network import netlink
from shoal.agent.network.firewall import remove_table, set_up_table
from shoal.agent.network.layout import AddressPlan, hardware_address
from shoal.agent.network.netlink import Netlink
from shoal.agent.runtime.shim.syscalls import unmount_lazily

_log = logging.getLogger(__name__)

FOLDER = Path("/run/shoal")
_OWNER_FILE = "owner"
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
_LINKS = Path("/sys/class/net")


def set_up(plan: AddressPlan, owner: str) -> list[str]:
    """Make what is missing. A sentence for each thing that pods have to do without. Raises OSError
    where there can be no bridge."""
    assert plan.subnet is not None
    folder = namespaces_folder(plan.bridge)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _OWNER_FILE).write_text(owner)
    with Netlink() as connection:
        if link_index(plan.bridge) is None:
            mac = hardware_address(plan.host)
            connection.send([netlink.bridge(plan.bridge, mac)], "make a bridge")
        index = link_index(plan.bridge)
        assert index is not None
        network = plan.services
        for message in (
            netlink.own_address(index, plan.host, plan.pods.prefixlen),
            netlink.local_route(index, str(network.network_address), network.prefixlen),
        ):
            try:
                connection.send([message], f"give {plan.bridge} its addresses")
            except FileExistsError:
                # From the last time.
                continue
    return list(_open_the_way_out(plan))


def take_down(bridge: str) -> None:
    """Remove all that bears the bridge's name, namespaces of pods included. Another process may
    be doing the same. Raises OSError."""
    folder = namespaces_folder(bridge)
    for file in namespace_files(folder):
        discard(file)
    if (index := link_index(bridge)) is not None:
        _remove_link(index, bridge)
    remove_table(bridge)
    (folder / _OWNER_FILE).unlink(missing_ok=True)
    try:
        folder.rmdir()
    except FileNotFoundError:
        return


def _remove_link(index: int, name: str) -> None:
    with Netlink() as connection:
        try:
            connection.send([netlink.removal(index)], f"remove {name}")
        except OSError as error:
            if error.errno != errno.ENODEV:
                raise


def remove_abandoned(own_bridge: str) -> None:
    """Take down the bridges of control planes whose data folder is gone. One that stays is in
    nobody's way."""
    for folder in FOLDER.glob("shb*"):
        try:
            if folder.name != own_bridge and _is_abandoned(folder):
                take_down(folder.name)
        except OSError as error:
            _log.warning("the bridge %s of no control plane stays: %s", folder.name, error)


def _is_abandoned(folder: Path) -> bool:
    try:
        owner = (folder / _OWNER_FILE).read_text()
    except FileNotFoundError:
        # Being made, or being removed.
        return False
    return not Path(owner).exists()


def is_needed(bridge: str) -> bool:
    """Whether pods are still on it."""
    return any(namespace_files(namespaces_folder(bridge)))


def namespaces_folder(bridge: str) -> Path:
    return FOLDER / bridge


def namespace_files(folder: Path) -> Iterable[Path]:
    return (file for file in folder.glob("*") if file.name != _OWNER_FILE)


def discard(file: Path) -> None:
    """Let go of a namespace. The kernel takes it apart, cable included, when the last process in
    it has ended."""
    try:
        unmount_lazily(str(file))
    except OSError:
        # Nothing was mounted there yet.
        pass
    file.unlink(missing_ok=True)


def link_index(name: str) -> int | None:
    """The number of an interface of the machine; None where there is none."""
    try:
        return int((_LINKS / name / "ifindex").read_text())
    except OSError:
        # Not found; or it went between opening and reading, which is an invalid argument.
        return None


def _open_the_way_out(plan: AddressPlan) -> Iterable[str]:
    try:
        if _FORWARDING.read_text().strip() != "1":
            _FORWARDING.write_text("1")
    except OSError as error:
        yield f"pods reach no other machines: ip_forward cannot be set: {error.strerror}"
        return
    yield from set_up_table(plan)
