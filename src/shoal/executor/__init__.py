"""What runs inside executor pods: the task library, the sidecar, the default webhook.

Belongs here: both ends of the contract in docs/reference/executor.md.
Must not: import anything heavy from `tasks`, which lives in users' own containers.
"""
