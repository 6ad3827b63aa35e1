"""The PodGroup of a job: members, and what its queue must have room for."""

import pytest

from shoal.api.volcano.pod_group import PodGroup
from shoal.controllers.volcano import job_pod_group
from shoal.controllers.volcano.job_defaults import with_defaults
from shoal.testing.volcano import JobBuilder, make_job, make_pod_group

PRIORITIES = {"high": 100, "low": 1}


def priority_of(name: str) -> int:
    return PRIORITIES.get(name, 0)


def task(built: JobBuilder, name: str, replicas: int, least: int | None, cpu: str, priority=""):
    """Adds a task whose pods ask for so much cpu."""
    resources = {"requests": {"cpu": cpu}}
    spec = {"containers": [{"name": "c", "image": "a", "resources": resources}]}
    if priority:
        spec["priorityClassName"] = priority
    more = {} if least is None else {"minAvailable": least}
    return built.task(name, replicas, template={"spec": spec}, **more)


def cpu(tasks: list[tuple[str, int, int | None, str, str]], min_available: int) -> str:
    built = make_job("j").spec(minAvailable=min_available)
    for each in tasks:
        built = task(built, *each)
    spec = job_pod_group.group_spec(with_defaults(built.obj()), priority_of)
    return spec["minResources"].get("cpu", "0")


@pytest.mark.parametrize(
    ("tasks", "min_available", "expected"),
    [
        pytest.param([("a", 2, 2, "1", "")], 2, "2", id="one task, all of it"),
        pytest.param([("a", 5, 2, "1", "")], 2, "2", id="one task, its minimum"),
        pytest.param([("a", 5, None, "1", "")], 3, "3", id="less than a task without minimum"),
        pytest.param([("a", 5, 5, "500m", "")], 0, "0", id="no gang"),
        pytest.param([("a", 1, 1, "1", ""), ("b", 2, 2, "10", "")], 3, "21", id="all of two tasks"),
        pytest.param(
            [("a", 1, 1, "1", ""), ("b", 2, 2, "10", "")], 2, "11", id="the first pods of the list"
        ),
        pytest.param(
            [("a", 1, 1, "1", "low"), ("b", 2, 2, "10", "high")],
            2,
            "20",
            id="the first pods by priority",
        ),
        pytest.param(
            [("a", 4, 1, "1", ""), ("b", 4, 1, "10", "")], 2, "11", id="minima of both tasks"
        ),
        pytest.param(
            [("a", 4, 1, "1", ""), ("b", 4, 1, "10", "")], 4, "13", id="filled up from the first"
        ),
        pytest.param(
            [("a", 4, 1, "1", "low"), ("b", 4, 1, "10", "high")],
            4,
            "31",
            id="filled up by priority",
        ),
        pytest.param(
            [("a", 2, 1, "1", ""), ("b", 4, 1, "10", "")], 4, "22", id="filled up from the next"
        ),
        pytest.param(
            [("a", 2, 2, "1", ""), ("b", 4, 1, "10", "")], 4, "22", id="a full task gives no more"
        ),
        pytest.param([("a", 0, 0, "1", ""), ("b", 1, 1, "10", "")], 1, "10", id="an empty task"),
        pytest.param(
            [("a", 1, 1, "1", "absent"), ("b", 1, 1, "10", "high")],
            1,
            "10",
            id="an absent priority class is 0",
        ),
    ],
)
def test_min_resources_are_those_of_the_pods_that_must_be_placed(tasks, min_available, expected):
    assert cpu(tasks, min_available) == expected


def test_min_resources_have_the_keys_of_a_quota():
    resources = {
        "requests": {"cpu": "1", "memory": "1Gi", "nvidia.com/gpu": "1"},
        "limits": {"cpu": "2", "memory": "2Gi", "nvidia.com/gpu": "1"},
    }
    spec = {"containers": [{"name": "c", "resources": resources}]}
    built = make_job("j").task("a", 2, template={"spec": spec}).spec(minAvailable=2)
    assert job_pod_group.group_spec(built.obj(), priority_of)["minResources"] == {
        "count/pods": "2",
        "cpu": "2",
        "limits.cpu": "4",
        "limits.memory": "4Gi",
        "memory": "2Gi",
        "nvidia.com/gpu": "2",
        "pods": "2",
        "requests.cpu": "2",
        "requests.memory": "2Gi",
        "requests.nvidia.com/gpu": "2",
    }


def test_init_containers_count_where_they_take_more_than_what_runs_later():
    spec = {
        "initContainers": [{"name": "i", "resources": {"requests": {"cpu": "3"}}}],
        "containers": [{"name": "c", "resources": {"requests": {"cpu": "1", "memory": "1G"}}}],
    }
    built = make_job("j").task("a", 1, template={"spec": spec}).spec(minAvailable=1)
    resources = job_pod_group.group_spec(built.obj(), priority_of)["minResources"]
    assert (resources["cpu"], resources["memory"]) == ("3", "1G")


def test_members_of_each_task_are_its_minimum_its_partitions_or_all():
    built = (
        make_job("j")
        .task("a", 3, minAvailable=1)
        .task(
            "b", 8, partitionPolicy={"totalPartitions": 4, "partitionSize": 2, "minPartitions": 3}
        )
        .task("c", 2)
        .spec(minAvailable=9)
    )
    spec = job_pod_group.group_spec(with_defaults(built.obj()), priority_of)
    assert (spec["minMember"], spec["minTaskMember"]) == (9, {"a": 1, "b": 6, "c": 2})


def test_partitions_become_subgroups():
    policy = {
        "totalPartitions": 2,
        "partitionSize": 4,
        "minPartitions": 1,
        "networkTopology": {"mode": "hard", "highestTierAllowed": 1},
    }
    built = make_job("j").task("a", 8, partitionPolicy=policy).spec(minAvailable=4)
    assert job_pod_group.group_spec(built.obj(), priority_of)["subGroupPolicy"] == [
        {
            "name": "a",
            "subGroupSize": 4,
            "minSubGroups": 1,
            "labelSelector": {"matchLabels": {"volcano.sh/task-spec": "a"}},
            "matchLabelKeys": ["volcano.sh/partition-id"],
            "networkTopology": {"highestTierAllowed": 1},
        }
    ]


def test_the_group_bears_the_jobs_name_labels_annotations_and_estimate():
    built = (
        make_job("j")
        .task("a")
        .labels(team="x")
        .annotations(note="y")
        .queue("q")
        .spec(minAvailable=1, priorityClassName="high", runningEstimate="2h")
    )
    made = job_pod_group.manifest(built.obj(), priority_of)
    assert made["metadata"]["name"] == "j-j"
    assert made["metadata"]["labels"] == {"team": "x"}
    assert made["metadata"]["annotations"] == {"note": "y", "volcano.sh/running-estimate": "2h"}
    assert made["metadata"]["ownerReferences"][0]["controller"] is True
    assert (made["spec"]["queue"], made["spec"]["priorityClassName"]) == ("q", "high")
    assert "status" not in made


def group_of(spec: dict[str, object]) -> PodGroup:
    return make_pod_group("j-j").spec(**spec).obj()


def test_a_group_that_says_what_the_job_says_is_left_alone():
    job = make_job("j").task("a", 2).spec(minAvailable=2).obj()
    spec = job_pod_group.group_spec(job, priority_of)
    assert job_pod_group.spec_patch(job, group_of(spec), priority_of) == {}


def test_a_group_follows_the_scale_of_its_job():
    small = make_job("j").task("a", 2).spec(minAvailable=2).obj()
    large = make_job("j").task("a", 3).spec(minAvailable=3, priorityClassName="high").obj()
    group = group_of(job_pod_group.group_spec(small, priority_of))
    patch = job_pod_group.spec_patch(large, group, priority_of)
    assert patch.pop("minResources")["cpu"] == "3"
    assert patch == {"minMember": 3, "minTaskMember": {"a": 3}, "priorityClassName": "high"}


@pytest.mark.parametrize(
    ("phase", "is_admitted"),
    [
        ("", False),
        ("Pending", False),
        ("Inqueue", True),
        ("Running", True),
        ("Unknown", True),
        ("Completed", True),
    ],
)
def test_pods_wait_until_their_group_is_admitted(phase, is_admitted):
    assert job_pod_group.is_admitted(make_pod_group("g").phase(phase).obj()) is is_admitted
    assert not job_pod_group.is_admitted(None)
