"""All of Volcano's kinds that are served, in the order in which their CRDs are applied."""

from shoal.api.custom_kind import CustomKind
from shoal.api.volcano import command, cron_job, flow, hyper_node, job, pod_group, queue

KINDS: tuple[CustomKind, ...] = (
    queue.KIND,
    pod_group.KIND,
    job.KIND,
    cron_job.KIND,
    command.KIND,
    *flow.KINDS,
    hyper_node.KIND,
)
