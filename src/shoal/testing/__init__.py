"""The test kit, shipped for plugin authors: all that a plugin's tests need is imported from here.

Belongs here: what makes a test short and true: builders, a rehearsal of the scheduler on virtual
time, a cluster in memory, a fake runtime.
Must not: be imported by the product.
"""

from shoal.testing.builders import NodeBuilder, PodBuilder, make_node, make_pod
from shoal.testing.rehearsal import START, Enabled, Rehearsal

__all__ = ["START", "Enabled", "NodeBuilder", "PodBuilder", "Rehearsal", "make_node", "make_pod"]
