"""Where the files of a pod are: the agreement between agent, runtimes and log reader.

<root>/<pod uid>/
    pod.json                         the sandbox, written by the runtime
    volumes/<volume>/                rendered by the agent
    etc/                             hosts and what else the runtime mounts
    containers/<name>/<attempt>/     the shim's records and the termination message
    logs/<name>/<attempt>.log        CRI format; rotated to <attempt>.log.1, then .2 ...
"""

from dataclasses import dataclass
from pathlib import Path

from shoal.agent.runtime.protocol import ContainerKey

UNUSABLE = (OSError, ValueError, RuntimeError)
"""What comes of a path of a pod that cannot be used: ValueError of a null byte, RuntimeError of
links that lead in a circle."""


@dataclass(frozen=True, slots=True)
class PodPaths:
    """Paths of one pod. Nothing is created."""

    root: Path
    """Directory of all pods of an agent."""
    pod_uid: str

    @property
    def directory(self) -> Path:
        return self.root / self.pod_uid

    @property
    def sandbox_record(self) -> Path:
        return self.directory / "pod.json"

    @property
    def etc(self) -> Path:
        return self.directory / "etc"

    @property
    def volumes(self) -> Path:
        return self.directory / "volumes"

    def volume(self, name: str) -> Path:
        return self.volumes / name

    def container(self, key: ContainerKey) -> Path:
        return self.directory / "containers" / key.container / str(key.attempt)

    def log(self, key: ContainerKey) -> Path:
        """The file that is being written; `rotated_log` names the older ones."""
        return self.logs(key.container) / f"{key.attempt}.log"

    def logs(self, container: str) -> Path:
        return self.directory / "logs" / container

    def rotated_log(self, key: ContainerKey, age: int) -> Path:
        """`age` 1 is the newest of the rotated files."""
        log = self.log(key)
        return log.with_name(f"{log.name}.{age}")
