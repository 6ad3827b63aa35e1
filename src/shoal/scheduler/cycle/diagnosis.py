"""Why a pod found no place: counted reasons, and the sentence that people know."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shoal.scheduler.framework.fit_error import fit_error

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
        text = fit_error(self.node_count, self.reasons, self.pre_filter_message)
        if self.post_filter_message:
            text += f" {self.post_filter_message}"
        return text
