"""The volume every pod gets unasked: how to reach the API server, and as whom.

It is what the ServiceAccount admission plugin adds to pods (Kubernetes v1.36,
plugin/pkg/admission/serviceaccount), but the agent adds it by itself, so that pods stay as their
authors wrote them.
"""

from shoal.agent.references import TokenWish
from shoal.agent.volumes.plan import File, FilesPlan
from shoal.api.pod import Container, Pod

MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
VOLUME = "kube-api-access"
TOKEN = TokenWish(audience="", expiration_s=3607)
_MODE = 0o644


def plan_api_access(pod: Pod, token: str, ca_pem: bytes) -> FilesPlan:
    contents = {
        "token": token.encode(),
        "ca.crt": ca_pem,
        "namespace": pod.metadata.namespace.encode(),
    }
    files = {name: File(data=data, mode=_MODE) for name, data in contents.items()}
    return FilesPlan(name=VOLUME, files=files)


def has_own(container: Container) -> bool:
    """Whether the container mounts something of its own there."""
    return any(mount.mount_path.rstrip("/") == MOUNT_PATH for mount in container.volume_mounts)
