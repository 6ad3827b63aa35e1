"""What Kubernetes 1.36 fills in for absent fields of its own kinds.

Belongs here: one function a kind, editing in place; doing it twice changes nothing.
Must not: look at other objects. What depends on them (a service's address, a pod's priority) is
allocated or admitted by the kind's strategy.
"""
