"""The node agent: pods bound to this node become processes.

Belongs here: the pure pod life cycle, runtimes, volumes, probes, logs, node status.
Must not: place pods, or own anything that outlives the node.
"""
