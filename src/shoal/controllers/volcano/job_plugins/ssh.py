"""`ssh`: the pods of a job reach each other by ssh, without a password.

One key pair for all of them, in a Secret. Source: Volcano v1.15,
pkg/controllers/job/plugins/ssh.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence

from shoal.api.resource import JsonObject
from shoal.api.volcano.job import Job
from shoal.api.volcano.plugin_flags import Flags
from shoal.controllers.volcano.job_plugins.hosts import domain_name, host_name, named_indices
from shoal.controllers.volcano.job_plugins.plugin import PodContext
from shoal.controllers.volcano.job_plugins.pod_edits import mount
from shoal.controllers.volcano.job_plugins.ssh_keys import (
    PRIVATE_KEY,
    PUBLIC_KEY,
    KeyPair,
    KeySource,
)

DEFAULT_PORT = 22
DEFAULT_PATH = "/root/.ssh"
_AUTHORIZED_KEYS = "authorized_keys"
_CONFIG = "config"
_FILES = (PRIVATE_KEY, PUBLIC_KEY, _AUTHORIZED_KEYS, _CONFIG)
_SUB_PATH = ".ssh"
_OWNER_ONLY = 0o600
"""ssh refuses keys that others may read."""


class SshPlugin:
    """Asks `keys` only where the job brings no key of its own, and only for the Secret."""

    name = "ssh"

    def __init__(self, words: Sequence[str], keys: KeySource) -> None:
        flags = Flags(words)
        self._path = flags.text("ssh-key-file-path", DEFAULT_PATH)
        self._port = flags.number("ssh-port", DEFAULT_PORT)
        self._own = KeyPair(flags.text("ssh-private-key", ""), flags.text("ssh-public-key", ""))
        self._keys = keys

    @property
    def needs_keys(self) -> bool:
        """Whether the job leaves it to us to make keys."""
        return not self._own.private

    def on_pod(self, pod: JsonObject, context: PodContext) -> None:
        name = secret_name(context.job)
        items = [{"key": file, "path": f"{_SUB_PATH}/{file}"} for file in _FILES]
        secret = {"secretName": name, "items": items, "defaultMode": _OWNER_ONLY}
        mount(pod, {"name": name, "secret": secret}, self._path, _SUB_PATH)

    def objects(self, job: Job) -> list[JsonObject]:
        pair = self._keys() if self.needs_keys else self._own
        files = {
            PRIVATE_KEY: pair.private,
            PUBLIC_KEY: pair.public,
            _AUTHORIZED_KEYS: pair.public,
            _CONFIG: "".join(self._config(job)),
        }
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": secret_name(job)},
            "data": {name: b64encode(text.encode()).decode() for name, text in files.items()},
        }
        return [secret]

    def _config(self, job: Job) -> Iterator[str]:
        yield "StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\n"
        for task in job.spec.tasks:
            for index in named_indices(task):
                yield f"Host {host_name(job, task, index)}\n"
                yield f"  HostName {domain_name(job, task, index)}\n"
                yield f"  Port {self._port}\n"


def secret_name(job: Job) -> str:
    return f"{job.metadata.name}-ssh"
