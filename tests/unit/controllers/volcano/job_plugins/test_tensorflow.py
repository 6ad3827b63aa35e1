"""`tensorflow`: TF_CONFIG. The first three cases are those of Volcano's own tests."""

import json

import pytest

from shoal.controllers.volcano.job_plugins.tensorflow import TensorflowPlugin
from tests.unit.controllers.volcano.job_plugins.pods_of_jobs import edited, job_of, variables

TRAIN = job_of("train-123", ps=2, worker=2, chief=1).obj()
CLUSTER = (
    '{"cluster":{"ps":["train-123-ps-0.train-123:5000","train-123-ps-1.train-123:5000"],'
    '"worker":["train-123-worker-0.train-123:5000","train-123-worker-1.train-123:5000"],'
    '"chief":["train-123-chief-0.train-123:5000"]},'
)


@pytest.mark.parametrize("task", ["ps", "worker", "chief"])
def test_every_pod_knows_the_cluster_and_its_place(task: str) -> None:
    pod = edited(TensorflowPlugin(["--port=5000"]), TRAIN, task)
    text = CLUSTER + f'"task":{{"type":"{task}","index":0}}}}'
    assert variables(pod) == {"TF_CONFIG": text}
    assert variables(pod, init=True) == {}


def test_tasks_may_have_other_names_than_roles() -> None:
    words = ["--ps=params", "--worker=w", "--chief=boss", "--evaluator=judge"]
    job = job_of("j", params=1, w=1, boss=1, judge=1, other=1).obj()
    config = json.loads(variables(edited(TensorflowPlugin(words), job, "judge"))["TF_CONFIG"])
    assert config["cluster"] == {
        "ps": ["j-params-0.j:2222"],
        "worker": ["j-w-0.j:2222"],
        "chief": ["j-boss-0.j:2222"],
        "evaluator": ["j-judge-0.j:2222"],
    }
    assert config["task"] == {"type": "evaluator", "index": 0}


def test_a_task_without_a_role_is_called_as_it_is() -> None:
    job = job_of("j", worker=1, board=1).obj()
    config = json.loads(variables(edited(TensorflowPlugin([]), job, "board"))["TF_CONFIG"])
    assert config["task"] == {"type": "board", "index": 0}


def test_a_single_pod_needs_no_cluster() -> None:
    job = job_of("j", worker=1).obj()
    assert variables(edited(TensorflowPlugin([]), job)) == {}
