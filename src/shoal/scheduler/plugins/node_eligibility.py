"""Which nodes count for a pod that is spread: those it may go to, as far as a constraint says so.

Arrays are as long as the table; None stands for all nodes. Source of the rules: Kubernetes v1.36,
pkg/scheduler/framework/plugins/podtopologyspread/common.go (matchNodeInclusionPolicies).
"""

import numpy as np

from shoal.api.node_affinity import required_nodes
from shoal.api.tolerations import keep_out
from shoal.scheduler.plugins.node_matching import matching
from shoal.scheduler.state.node_table import BoolArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot


def by_affinity(pod: PodInfo, snapshot: Snapshot) -> BoolArray | None:
    """Whom the pod's node selector and required node affinity allow."""
    required = required_nodes(pod.spec)
    return None if required is None else matching(required, snapshot.all_rows())


def by_taints(pod: PodInfo, snapshot: Snapshot) -> BoolArray | None:
    """Whose hard taints the pod tolerates."""
    is_free = [not keep_out(taints, pod.spec.tolerations) for taints in snapshot.taint_sets]
    return None if all(is_free) else np.array(is_free).take(snapshot.all_rows().taint_set)
