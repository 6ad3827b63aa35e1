"""How containers become processes: one protocol, several runtimes, their shim and their logs.

Belongs here: starting, signalling, finding again and removing processes; directories and files of
a running pod.
Must not: know restart policies, probes or the Kubernetes API; that is the life cycle's.
"""
