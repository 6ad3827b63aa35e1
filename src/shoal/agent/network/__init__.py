"""What connects pods: addresses, a network namespace for each on a bridge, and Services.

Belongs here: who gets which address, bridges and namespaces, the proxy behind cluster addresses.
Must not: know a pod's life cycle; whoever prepares and removes pods says when.
"""
