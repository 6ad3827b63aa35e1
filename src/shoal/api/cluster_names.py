"""Names that pods know without anybody having made an object for them: the agent writes them into
hosts files, controllers read URLs in which they stand."""

CLUSTER_DOMAIN = "cluster.local"
HOST_NAME = "host.shoal.internal"
"""The machine, as pods on it call it."""
