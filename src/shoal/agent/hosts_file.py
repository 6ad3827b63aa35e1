"""The content of a pod's /etc/hosts, and how it is kept current while the pod runs.

Format of the first part: Kubernetes v1.36, pkg/kubelet/kubelet_pods.go. The last part stands for
the cluster's DNS.
"""

import logging
from collections.abc import Callable, Iterable

from shoal.agent.environment import hostname
from shoal.agent.runtime.protocol import Runtime
from shoal.agent.service_names import HostEntry, ServiceNames
from shoal.api.cluster_names import CLUSTER_DOMAIN
from shoal.api.pod import Pod
from shoal.base.clock import Clock

_log = logging.getLogger(__name__)

_HEAD = """# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
"""
SETTLE_S = 0.5
"""Between two rewrites of one file: pods that start together appear one after the other."""


def hosts_text(pod: Pod, pod_ip: str, services: Iterable[HostEntry] = ()) -> str:
    """`services` are the names that the pod knows beside its own; those of the pod itself lead to
    its own line, whether it is ready or not."""
    name = hostname(pod)
    names = name
    if pod.spec.subdomain:
        domain = f"{pod.spec.subdomain}.{pod.metadata.namespace}.svc.{CLUSTER_DOMAIN}"
        names = f"{name}.{domain}\t{name}"
    text = f"{_HEAD}{pod_ip}\t{names}\n"
    if pod.spec.host_aliases:
        text += "\n# Entries added by HostAliases.\n"
        text += "".join(f"{a.ip}\t" + "\t".join(a.hostnames) + "\n" for a in pod.spec.host_aliases)
    lines = "".join(f"{entry.ip}\t" + "\t".join(entry.names) + "\n" for entry in services)
    if lines:
        text += "\n# What a cluster's DNS would answer.\n" + lines
    return text


async def keep_hosts(
    get_pod: Callable[[], Pod], pod_ip: str, names: ServiceNames, runtime: Runtime, clock: Clock
) -> None:
    """Bring the hosts file of a prepared pod up to date whenever names change, as long as there
    is one."""
    if not runtime.capabilities.isolates_mounts:
        return
    await names.wait_synced()
    written = ""
    while True:
        pod = get_pod()
        text = hosts_text(pod, pod_ip, names.entries(pod.metadata.namespace))
        if text == written:
            await names.wait_for_change(pod.metadata.namespace)
            continue
        try:
            if not await runtime.write_hosts(pod.metadata.uid, text):
                return
            written = text
        except OSError as error:
            _log.warning("hosts file of pod %s stays as it is: %s", pod.metadata.key, error)
        await clock.sleep(SETTLE_S)
