"""One pass of the scheduler over one gang: judge nodes, choose, place all members or none.

Belongs here: results shared by equal pods, the choice of a node, the gang's transaction, and why
a pod found no place.
Must not: know the queue's rooms or carry anything out.
"""
