"""`hcclrank`: a rank by annotation, by variable or by index, in this order."""

from typing import Any

import pytest

from shoal.controllers.volcano.job_plugins.hcclrank import HcclRankPlugin
from tests.unit.controllers.volcano.job_plugins.pods_of_jobs import edited, job_of

OTHER_NAMES = ("--master", "boss", "--worker=hand")


def pod_with(*containers: dict[str, str], **annotations: str) -> dict[str, Any]:
    """Each container with these variables."""
    spec = [
        {"name": f"c{i}", "env": [{"name": n, "value": v} for n, v in env.items()]}
        for i, env in enumerate(containers)
    ]
    return {"metadata": {"annotations": annotations}, "spec": {"containers": spec}}


def rank(pod: dict[str, Any]) -> str | None:
    return pod["metadata"]["annotations"].get("hccl/rankIndex")


@pytest.mark.parametrize(
    ("task", "index", "replicas", "words", "expected"),
    [
        ("master", 0, {"master": 1, "worker": 2}, (), "0"),
        ("master", 2, {"master": 3, "worker": 2}, (), "2"),
        ("master", 5, {"master": 10, "worker": 5}, (), "5"),
        ("worker", 0, {"master": 1, "worker": 2}, (), "1"),
        ("worker", 1, {"master": 2, "worker": 3}, (), "3"),
        ("worker", 0, {"master": 0, "worker": 2}, (), "0"),
        ("worker", 1, {"worker": 2}, (), "1"),
        ("boss", 3, {"boss": 5, "hand": 3}, OTHER_NAMES, "3"),
        ("hand", 2, {"boss": 4, "hand": 3}, OTHER_NAMES, "6"),
        ("worker", 0, {"boss": 4, "worker": 3}, OTHER_NAMES, None),
        ("other", 0, {"master": 1, "other": 1}, (), None),
    ],
)
def test_masters_come_before_workers_and_others_have_no_rank(
    task: str, index: int, replicas: dict[str, int], words: tuple[str, ...], expected: str | None
) -> None:
    pod = edited(HcclRankPlugin(words), job_of("j", **replicas).obj(), task, index)
    assert rank(pod) == expected


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        (pod_with({}, **{"hccl/rankIndex": "1"}), "1"),
        (pod_with({"RANK": "5"}, **{"hccl/rankIndex": "1"}), "1"),
        (pod_with({"RANK": "5"}), "5"),
        (pod_with({"OTHER": "9"}, {"RANK": "1"}), "1"),
        (pod_with({"RANK": "first"}, {"RANK": "second"}), "first"),
        (pod_with({"OTHER": "9"}), "7"),
        (pod_with({"RANK": ""}), "7"),
        (pod_with(), "7"),
    ],
)
def test_a_rank_that_the_pod_has_already_stays(pod: dict[str, Any], expected: str) -> None:
    job = job_of("j", master=4, worker=4).obj()
    assert rank(edited(HcclRankPlugin([]), job, "worker", 3, pod=pod)) == expected
