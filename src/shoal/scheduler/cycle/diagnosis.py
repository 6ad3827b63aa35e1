"""Why a pod found no place: counted reasons, and the sentence that people know.

Source of the format: Kubernetes v1.36, pkg/scheduler/framework/types.go (FitError).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

NO_NODES = "no nodes available to schedule pods"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    node_count: int
    reasons: Mapping[str, int] = field(default_factory=dict[str, int])
    """Reason -> number of nodes; a node that lacks several things counts for each."""
    pre_filter_message: str = ""
    """Where PreFilter rejected the pod, no node was looked at."""
    post_filter_message: str = ""
    unschedulable_plugins: frozenset[str] = frozenset()
    pending_plugins: frozenset[str] = frozenset()

    @property
    def message(self) -> str:
        if self.node_count == 0:
            return NO_NODES
        text = f"0/{self.node_count} nodes are available:"
        if self.pre_filter_message:
            text += f" {self.pre_filter_message}."
        elif self.reasons:
            # Sorted as text, count first, as kube-scheduler does.
            listed = sorted(f"{count} {reason}" for reason, count in self.reasons.items())
            text += f" {', '.join(listed)}."
        if self.post_filter_message:
            text += f" {self.post_filter_message}"
        return text
