"""What pods of a template count as in a quota: what their queue must have room for.

Keys are a ResourceQuota's (`cpu`, `requests.cpu`, `limits.cpu`, `pods`, `count/pods`, ...), with
extended resources also under their own names, which queues know.
"""

from shoal.api.pod import PodSpec
from shoal.api.quota.amounts import ONE, Usage
from shoal.api.quota.pods import compute_usage, pod_limits, pod_requests


def pod_usage(spec: PodSpec) -> Usage:
    """Of one pod."""
    requests = pod_requests(spec)
    used: Usage = {"count/pods": ONE, **requests}
    used |= {f"requests.{name}": amount for name, amount in requests.items()}
    return used | compute_usage(requests, pod_limits(spec))
