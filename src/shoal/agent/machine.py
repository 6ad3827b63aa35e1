"""Read off the machine what a node says of it, and what it offers. Small reads of /proc, once."""

import os
import platform
import shutil
from pathlib import Path

from shoal.agent.node_status import MachineFacts
from shoal.api.pod import ResourceMap

MAX_PODS = 110
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def read_machine() -> MachineFacts:
    machine = platform.machine()
    return MachineFacts(
        machine_id=_read("/etc/machine-id"),
        boot_id=_read("/proc/sys/kernel/random/boot_id"),
        kernel_version=platform.release(),
        os_image=_os_image(),
        architecture=_ARCHITECTURES.get(machine, machine),
    )


def read_resources(data_dir: Path) -> ResourceMap:
    """Cores, memory and disk of the machine, in the kubelet's units. `data_dir` exists."""
    memory_kib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024
    return {
        "cpu": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory_kib}Ki",
        "ephemeral-storage": f"{shutil.disk_usage(data_dir).total // 1024}Ki",
        "pods": str(MAX_PODS),
    }


def _os_image() -> str:
    for line in _read("/etc/os-release").splitlines():
        name, _, text = line.partition("=")
        if name == "PRETTY_NAME":
            return text.strip('"')
    return platform.system()


def _read(path: str) -> str:
    """Empty where there is no such file: nothing depends on these texts."""
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
