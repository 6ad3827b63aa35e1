"""What an index over placed pods is told, so that nobody has to look through all pods again.

The cache tells each index of every pod that is counted on a row or no longer is, assumed and
supposed ones included, and of every row that gets, changes or loses its node. A pod that changes
is removed as it was and added as it is.
"""

from typing import Protocol

from shoal.api.node import Node
from shoal.scheduler.state.pod_info import PodInfo


class PodIndex(Protocol):
    def set_node(self, row: int, node: Node) -> None:
        """The row has this node now; before its pods are added where the node is new."""
        ...

    def remove_node(self, row: int) -> None:
        """The row has no node any more; its pods were removed before."""
        ...

    def add_pod(self, row: int, pod: PodInfo) -> None: ...

    def remove_pod(self, row: int, pod: PodInfo) -> None: ...
