"""What runs inside executor pods: the task loop, the sidecar, the default webhook.

Belongs here: both ends of the contract in docs/reference/executor.md.
Must not: import anything heavy from `task_loop`, which lives in users' own containers and is
what `from shoal.executor import tasks` gives them.
"""

from shoal.executor.task_loop import Task, tasks

__all__ = ["Task", "tasks"]
