"""`env`: the index of a pod within its task."""

from shoal.controllers.volcano.job_plugins.env import EnvPlugin
from tests.unit.controllers.volcano.job_plugins.pods_of_jobs import edited, job_of, variables


def test_all_containers_know_the_index() -> None:
    pod = edited(EnvPlugin([]), job_of("j", worker=3).obj(), index=2)
    expected = {"VK_TASK_INDEX": "2", "VC_TASK_INDEX": "2"}
    assert variables(pod) == variables(pod, init=True) == expected


def test_it_needs_no_objects() -> None:
    assert EnvPlugin([]).objects(job_of("j", worker=1).obj()) == []
