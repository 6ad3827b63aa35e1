"""What Kubernetes 1.36 fills in for absent fields of its own kinds.

One function a kind, editing in place; doing it twice changes nothing. They see one object only:
what depends on others (a service's address, a pod's priority) is allocated or admitted elsewhere.
"""
