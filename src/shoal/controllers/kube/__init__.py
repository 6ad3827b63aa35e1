"""The part of kube-controller-manager that the embedded default needs.

Belongs here: controllers of Kubernetes' own kinds, with the real ones' observable behaviour.
Must not: run on a real cluster, which has its own.
"""
