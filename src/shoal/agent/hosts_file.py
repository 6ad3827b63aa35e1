"""The content of a pod's /etc/hosts. Format: Kubernetes v1.36, pkg/kubelet/kubelet_pods.go."""

from shoal.agent.environment import hostname
from shoal.api.pod import Pod

_HEAD = """# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
"""
_DOMAIN = "svc.cluster.local"


def hosts_text(pod: Pod, pod_ip: str) -> str:
    name = hostname(pod)
    names = name
    if pod.spec.subdomain:
        domain = f"{pod.spec.subdomain}.{pod.metadata.namespace}.{_DOMAIN}"
        names = f"{name}.{domain}\t{name}"
    text = f"{_HEAD}{pod_ip}\t{names}\n"
    if pod.spec.host_aliases:
        text += "\n# Entries added by HostAliases.\n"
        text += "".join(f"{a.ip}\t" + "\t".join(a.hostnames) + "\n" for a in pod.spec.host_aliases)
    return text
