"""Work queues: items that pods lease, renew, and acknowledge, on SQLite, PostgreSQL or Redis.

Belongs here: the `WorkSource` protocol, its implementations, and what a program in a pod does with
one (leases kept alive, items handed back when it must end).
Must not: know the Kubernetes API; a pod is told all it needs by its environment.
"""
