"""Jobs as they are created and changed: Volcano's verdicts, in Volcano's words."""

import copy
from typing import Any

import msgspec
import pytest

from shoal.admission.jobs import refuse_job, refuse_job_change
from shoal.api.resource import JsonObject
from shoal.api.volcano.job import Job
from shoal.apiserver.schema.pod_templates import pod_template_causes
from tests.unit.admission.objects import Objects, queue, task, template

VALID = (
    " valid events are [* PodPending PodFailed PodEvicted Unknown TaskCompleted TaskFailed"
    " JobUpdated], valid actions are [AbortJob RestartJob RestartTask RestartPod RestartPartition"
    " TerminateJob CompleteJob ResumeJob];"
)
BOTH_TIERS = (
    "must not specify 'highestTierAllowed' and 'highestTierName' in networkTopology simultaneously;"
)
NOT_ORDERED = "job has dependencies between tasks, but doesn't form a directed acyclic graph(DAG);"
QUEUES = Objects(
    queue("root"),
    queue("default"),
    queue("closed", state="Closed"),
    queue("closing", state="Closing"),
    queue("unknown", state="Unknown"),
    queue("fresh", state=""),
    queue("parent", parent="root"),
    queue("child", parent="parent"),
    queue("child-2", parent="parent"),
)
LONG = "a" * 60
TOO_LONG = "[name part must be no more than 63 bytes]"


def job(name: str = "job", **spec: Any) -> JsonObject:
    wanted = {"minAvailable": 1, "queue": "default", "tasks": [task()], **spec}
    return {"metadata": {"name": name, "namespace": "test"}, "spec": wanted}


def refused(manifest: JsonObject) -> str:
    return refuse_job(msgspec.convert(manifest, Job), QUEUES, pod_template_causes)


def policy_error(text: str) -> str:
    """As it stands in an answer, which has no blanks at its ends."""
    return f"1 error occurred:\n\t* {text}\n\n{VALID}"


def policies(*given: JsonObject) -> JsonObject:
    return job(policies=list(given))


def on(event: str, action: str = "AbortJob", **more: Any) -> JsonObject:
    return {"event": event, "action": action, **more}


def partitions(size: int, total: int, replicas: int = 8, **more: Any) -> JsonObject:
    policy = {"partitionSize": size, "totalPartitions": total, **more}
    return task(replicas=replicas, partitionPolicy=policy)


def tiers(allowed: int | None = None, name: str = "") -> JsonObject:
    return {"mode": "hard", "highestTierAllowed": allowed, "highestTierName": name}


def volumes(*given: JsonObject) -> JsonObject:
    return job(volumes=list(given))


def numa(policy: str, **resources: Any) -> JsonObject:
    container = {"name": "main", "image": "busybox", "resources": resources}
    return task(topologyPolicy=policy, template=template(containers=[container]))


CPUS = {"cpu": "4"}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
PRIVILEGED = {"name": "p", "image": "busybox:1.24", "securityContext": {"privileged": True}}

ACCEPTED = {
    "a task": job(),
    "a policy": policies(on("PodEvicted", "RestartTask")),
    "policies for different events": policies(on("PodFailed"), on("PodEvicted", "RestartJob")),
    "one policy for several events": policies(
        {"events": ["PodFailed", "PodEvicted"], "action": "RestartJob"}
    ),
    "an event that one policy names twice": policies(
        {"event": "PodFailed", "events": ["PodFailed"], "action": "RestartJob"}
    ),
    "policies for exit codes": policies(
        {"exitCode": 1, "action": "AbortJob"}, {"exitCode": 2, "action": "RestartJob"}
    ),
    "a pending pod with a time-out": policies(on("PodPending", "RestartPod", timeout="10m")),
    "a restart of one partition": policies(on("PodFailed", "RestartPartition")),
    "any event alone": policies(on("*")),
    "the same event for the job and a task": job(
        policies=[on("PodFailed")], tasks=[task(policies=[on("PodFailed", "RestartTask")])]
    ),
    "resources of the whole pod": job(
        tasks=[task(template=template(resources={"requests": CPUS, "limits": CPUS}))]
    ),
    "a privileged container": job(tasks=[task(template=template(containers=[PRIVILEGED]))]),
    "a privileged init container": job(
        tasks=[task(template=template(initContainers=[PRIVILEGED]))]
    ),
    "all plugins": job(
        plugins={
            name: []
            for name in ("svc", "env", "ssh", "tensorflow", "pytorch", "ray", "hcclrank")
        }
    ),
    "mpi with its master": job(
        plugins={"mpi": ["--master=launcher"]}, tasks=[task("launcher"), task("worker", 2)]
    ),
    "mpi with its master as two words": job(
        plugins={"mpi": ["-master", "launcher"]}, tasks=[task("launcher"), task("worker", 2)]
    ),
    "mpi without workers": job(plugins={"mpi": ["--master=launcher"]}, tasks=[task("launcher")]),
    "mpi with the default master": job(plugins={"mpi": []}, tasks=[task("master"), task("worker")]),
    "a volume with a claim of its own": volumes({"mountPath": "/var", "volumeClaim": CLAIM}),
    "volumes with existing claims": volumes(
        {"mountPath": "/var", "volumeClaimName": "pvc1"},
        {"mountPath": "/tmp", "volumeClaimName": "pvc2"},
    ),
    "a leaf queue": job(queue="child"),
    "a queue whose state nobody has written yet": job(queue="fresh"),
    "a task that depends on another": job(
        tasks=[task("t1", dependsOn={"name": ["t2"]}), task("t2")]
    ),
    "a diamond of tasks": job(
        tasks=[
            task("a"),
            task("b", dependsOn={"name": ["a"]}),
            task("c", dependsOn={"name": ["a"]}),
            task("d", dependsOn={"name": ["b", "c"], "iteration": "any"}),
        ]
    ),
    "partitions": job(tasks=[partitions(4, 2)]),
    "partitions with a minimum": job(tasks=[partitions(4, 2, minPartitions=1)]),
    "partitions with a minimum that agrees": job(
        tasks=[partitions(2, 4, minPartitions=2) | {"minAvailable": 4}]
    ),
    "tiers by name": job(
        networkTopology=tiers(name="volcano.sh/hypernode"),
        tasks=[partitions(4, 2, networkTopology=tiers(name="volcano.sh/hypernode"))],
    ),
    "a NUMA policy with whole CPUs": job(
        tasks=[numa("single-numa-node", limits={"cpu": "2", "memory": "1Gi"})]
    ),
    "no NUMA policy": job(tasks=[numa("none")]),
}  # fmt: skip


@pytest.mark.parametrize("manifest", ACCEPTED.values(), ids=ACCEPTED)
def test_a_job_is_accepted_with(manifest: JsonObject) -> None:
    assert refused(manifest) == ""


REFUSED = {
    "no tasks": (job(tasks=[]), "No task specified in job spec"),
    "two tasks of one name": (
        job(tasks=[task("twice"), task("twice")]),
        "duplicated task name twice;",
    ),
    "two policies for one event": (
        policies(on("PodFailed"), on("PodFailed", "RestartJob")),
        policy_error("duplicate event PodFailed  across different policy"),
    ),
    "more wanted than there are": (
        job(minAvailable=2),
        "job 'minAvailable' should not be greater than total replicas in tasks;",
    ),
    "more of a task wanted than there are": (
        job(tasks=[task(minAvailable=2)]),
        "'minAvailable' is greater than 'replicas' in task: task-1, job: job;",
    ),
    "fewer than no pods": (
        job(tasks=[task(replicas=-1)]),
        "'replicas' < 0 in task: task-1, job: job; job 'minAvailable' should not be greater than"
        " total replicas in tasks;",
    ),
    "an unknown plugin": (
        job(plugins={"big_plugin": [], "svc": []}),
        "unable to find job plugin: big_plugin;",
    ),
    "an exit code beside an event": (
        policies(on("PodFailed", exitCode=5)),
        policy_error("must not specify event and exitCode simultaneously"),
    ),
    "neither event nor exit code": (
        policies({"action": "AbortJob"}),
        policy_error("either event and exitCode should be specified"),
    ),
    "an unknown event": (
        policies(on("someFakeEvent")),
        policy_error('spec.policies: Invalid value: "someFakeEvent": invalid policy event'),
    ),
    "an event of the controller": (
        policies(on("OutOfSync")),
        policy_error('spec.policies: Invalid value: "OutOfSync": invalid policy event'),
    ),
    "an unknown action": (
        policies(on("PodEvicted", "someFakeAction")),
        policy_error('spec.policies: Invalid value: "someFakeAction": invalid policy action'),
    ),
    "an action of the controller": (
        policies(on("PodEvicted", "SyncJob")),
        policy_error('spec.policies: Invalid value: "SyncJob": invalid policy action'),
    ),
    "exit code 0": (
        policies({"action": "AbortJob", "exitCode": 0}),
        policy_error("0 is not a valid error code"),
    ),
    "an exit code twice": (
        policies({"exitCode": 1}, {"exitCode": 1}),
        policy_error("duplicate exitCode 1"),
    ),
    "any event beside another": (
        policies(on("*"), on("PodFailed", "RestartJob")),
        policy_error("if there's * here, no other policy should be here"),
    ),
    "any event of a task beside another": (
        job(tasks=[task(policies=[on("*"), on("PodFailed", "RestartJob")])]),
        policy_error("if there's * here, no other policy should be here"),
    ),
    "an unknown event of a task": (
        job(tasks=[task(policies=[on("Never")])]),
        policy_error('spec.tasks.policies: Invalid value: "Never": invalid policy event'),
    ),
    "two errors in its policies": (
        policies(on("*"), on("PodFailed"), {"action": "AbortJob"}),
        "2 errors occurred:\n\t* either event and exitCode should be specified"
        "\n\t* if there's * here, no other policy should be here\n\n" + VALID,
    ),
    "a volume without a place": (
        volumes({"mountPath": ""}),
        "mountPath is required;",
    ),
    "two volumes in one place": (
        volumes(
            {"mountPath": "/var", "volumeClaimName": "pvc1"},
            {"mountPath": "/var", "volumeClaimName": "pvc2"},
        ),
        "duplicated mountPath: /var;",
    ),
    "a volume without a claim": (
        volumes({"mountPath": "/var"}, {"mountPath": "/var"}),
        "either VolumeClaim or VolumeClaimName must be specified;",
    ),
    "a new claim under an old name": (
        volumes({"mountPath": "/var", "volumeClaimName": "pvc1", "volumeClaim": CLAIM}),
        "conflict: If you want to use an existing PVC, just specify VolumeClaimName.If you want to"
        " create a new PVC, you do not need to specify VolumeClaimName",
    ),
    "a queue that is not there": (
        job(queue="jobQueue"),
        'unable to find job queue: queue.scheduling.volcano.sh "jobQueue" not found;',
    ),
    "a closed queue": (
        job(queue="closed"),
        "can only submit job to queue with state `Open`, queue `closed` status is `Closed`;",
    ),
    "a closing queue": (
        job(queue="closing"),
        "can only submit job to queue with state `Open`, queue `closing` status is `Closing`;",
    ),
    "a queue of unknown state": (
        job(queue="unknown"),
        "can only submit job to queue with state `Open`, queue `unknown` status is `Unknown`;",
    ),
    "the root queue": (job(queue="root"), "can not submit job to root queue;"),
    "a queue with queues below it": (
        job(queue="parent"),
        "can only submit job to leaf queue, queue `parent` has 2 child queues;",
    ),
    "a dependency that is not there": (
        job(tasks=[task("t1", dependsOn={"name": ["t3"]}), task("t2")]),
        NOT_ORDERED,
    ),
    "tasks that wait for each other": (
        job(tasks=[task("t1", dependsOn={"name": ["t2"]}), task("t2", dependsOn={"name": ["t1"]})]),
        NOT_ORDERED,
    ),
    "a task that waits for itself": (
        job(tasks=[task("t1", dependsOn={"name": ["t1"]})]),
        NOT_ORDERED,
    ),
    "partitions of no size": (
        job(tasks=[partitions(-1, 8)]),
        "'PartitionSize' must be greater than 0 in task: task-1, job: job;"
        " 'Replicas' are not equal to TotalPartitions*PartitionSize in task: task-1, job: job;",
    ),
    "no partitions": (
        job(tasks=[partitions(8, -1)]),
        "'TotalPartitions' must be greater than 0 in task: task-1, job: job;"
        " 'Replicas' are not equal to TotalPartitions*PartitionSize in task: task-1, job: job;",
    ),
    "partitions that do not add up": (
        job(tasks=[partitions(3, 2)]),
        "'Replicas' are not equal to TotalPartitions*PartitionSize in task: task-1, job: job;",
    ),
    "a minimum of partitions that disagrees": (
        job(tasks=[partitions(2, 4, minPartitions=1) | {"minAvailable": 4}]),
        "'MinAvailable' is not equal to MinPartitions*PartitionSize in task: task-1, job: job;",
    ),
    "a tier by number and name": (
        job(networkTopology=tiers(1, "volcano.sh/hypernode")),
        BOTH_TIERS,
    ),
    "a tier of partitions by number and name": (
        job(tasks=[partitions(4, 2, networkTopology=tiers(1, "volcano.sh/hypernode"))]),
        BOTH_TIERS,
    ),
    "tiers by number and name in both places": (
        job(networkTopology=tiers(0, "x"), tasks=[partitions(4, 2, networkTopology=tiers(0, "x"))]),
        f"{BOTH_TIERS} {BOTH_TIERS}",
    ),
    "mpi without its master": (
        job(plugins={"mpi": ["--master=launcher"]}, tasks=[task("worker", 2)]),
        "The specified mpi master task was not found",
    ),
    "a container without an image": (
        job(tasks=[task(template=template(containers=[{"name": "c"}]))]),
        "spec.task[0].template.spec.containers[0].image: Required value.",
    ),
    "a container without a name, in the second task": (
        job(tasks=[task("a"), task("b", template=template(containers=[{"image": "c"}]))]),
        "spec.task[1].template.spec.containers[0].name: Required value.",
    ),
    "a template that is none": (
        job(tasks=[task(template={"spec": {"containers": "many"}})]),
        "spec.task[0].template: json: cannot unmarshal string into Go struct field"
        " PodSpec.spec.containers of type []v1.Container.",
    ),
    "a request above its limit": (
        job(tasks=[numa("none", requests={"cpu": "2"}, limits={"cpu": "1"})]),
        'spec.task[0].template.spec.containers[0].resources.requests: Invalid value: "2": must be'
        " less than or equal to cpu limit of 1.",
    ),
    "a NUMA policy without limits": (
        job(tasks=[numa("restricted", requests={"cpu": "2"})]),
        "spec.task[0] isn't Guaranteed pod, kind=Burstable",
    ),
    "a NUMA policy with parts of a CPU": (
        job(tasks=[numa("best-effort", limits={"cpu": "1500m", "memory": "1Gi"})]),
        "the cpu request isn't  an integer in spec.task[0] container[0].",
    ),
    "names that are too long together": (
        job(name=LONG),
        f"create pod with name {LONG}-task-1-0 validate failed {TOO_LONG};",
    ),
    "several faults, strung together": (
        job(queue="root", plugins={"x": []}, volumes=[{"mountPath": "/v"}], minAvailable=9),
        "job 'minAvailable' should not be greater than total replicas in tasks; unable to find job"
        " plugin: x; either VolumeClaim or VolumeClaimName must be specified; can not submit job to"
        " root queue;",
    ),
}


@pytest.mark.parametrize(("manifest", "message"), REFUSED.values(), ids=REFUSED)
def test_a_job_is_refused_with(manifest: JsonObject, message: str) -> None:
    assert refused(manifest) == message


def changed(**spec: Any) -> str:
    """What is said of a job of two tasks whose spec becomes another one."""
    old = job(
        minAvailable=2,
        tasks=[task("a", 2, minAvailable=2), task("b", 1)],
        volumes=[{"mountPath": "/var", "volumeClaim": CLAIM, "volumeClaimName": "job-pvc-1"}],
    )
    new = copy.deepcopy(old)
    new["spec"] |= spec
    as_job = [msgspec.convert(each, Job) for each in (new, old)]
    return refuse_job_change(*as_job, new, old)


ONLY_THESE = (
    "job updates may not change fields other than `minAvailable`, `tasks[*].replicas under spec`"
    " and `PriorityClassName`"
)
CHANGES = {
    "nothing": ({}, ""),
    "minAvailable": ({"minAvailable": 1}, ""),
    "replicas": ({"tasks": [task("a", 5, minAvailable=3), task("b", 0)]}, ""),
    "the priority class": ({"priorityClassName": "high"}, ""),
    "an empty field that was absent": ({"plugins": {}, "schedulerName": ""}, ""),
    "the name of a claim that the controller made": (
        {"volumes": [{"mountPath": "/var", "volumeClaim": CLAIM}]},
        "",
    ),
    "fewer than no replicas": (
        {"tasks": [task("a", -1), task("b", 1)]},
        "'replicas' must be >= 0 in task: a",
    ),
    "more wanted than replicas": (
        {"tasks": [task("a", 1, minAvailable=2), task("b", 1)]},
        "'minAvailable' must be <= 'replicas' in task: a",
    ),
    "less than nothing wanted of a task": (
        {"tasks": [task("a", 1, minAvailable=-1), task("b", 1)]},
        "'minAvailable' must be >= 0 in task: a",
    ),
    "more wanted than all replicas": (
        {"minAvailable": 4},
        "job 'minAvailable' must not be greater than total replicas",
    ),
    "less than nothing wanted": ({"minAvailable": -1}, "job 'minAvailable' must be >= 0"),
    "a task more": (
        {"tasks": [task("a", 2), task("b"), task("c")]},
        "job updates may not add or remove tasks",
    ),
    "a task less": ({"tasks": [task("a", 2)]}, "job updates may not add or remove tasks"),
    "the queue": ({"queue": "other"}, ONLY_THESE),
    "a task's name": ({"tasks": [task("a", 2), task("c")]}, ONLY_THESE),
    "a task's template": (
        {"tasks": [task("a", 2), task("b", template=template(restartPolicy="Never"))]},
        ONLY_THESE,
    ),
    "maxRetry": ({"maxRetry": 9}, ONLY_THESE),
    "a volume's place": ({"volumes": [{"mountPath": "/v", "volumeClaim": CLAIM}]}, ONLY_THESE),
}


@pytest.mark.parametrize(("spec", "message"), CHANGES.values(), ids=CHANGES)
def test_a_job_that_changes(spec: JsonObject, message: str) -> None:
    assert changed(**spec) == message


@pytest.mark.parametrize(
    ("made", "path"),
    [
        (job(runningEstimate="xx"), "spec.runningEstimate"),
        (job(policies=[on("PodPending", timeout="xx")]), "spec.policies"),
        (job(tasks=[task(policies=[on("PodPending", timeout="xx")])]), "spec.tasks.policies"),
    ],
)
def test_a_length_of_time_that_nobody_can_read_is_refused(made: JsonObject, path: str) -> None:
    told = f'{path}: time: invalid duration "xx": write a number and its unit, such as 90s, 15m or'
    assert refused(made) == f"{told} 1h30m"
