"""The CRDs of Volcano's kinds: what scripts and manifests of its users rest on."""

from typing import Any

import pytest

from shoal.api.resource import JsonObject
from shoal.api.volcano.kinds import KINDS
from shoal.apiserver.schema.custom.served import served_from_crd
from shoal.apiserver.served import Served

CRDS = {crd["metadata"]["name"]: crd for crd in (kind.to_crd() for kind in KINDS)}
QUEUES = "queues.scheduling.volcano.sh"
POD_GROUPS = "podgroups.scheduling.volcano.sh"
JOBS = "jobs.batch.volcano.sh"
CRON_JOBS = "cronjobs.batch.volcano.sh"
COMMANDS = "commands.bus.volcano.sh"
JOB_FLOWS = "jobflows.flow.volcano.sh"
JOB_TEMPLATES = "jobtemplates.flow.volcano.sh"
HYPER_NODES = "hypernodes.topology.volcano.sh"

NAMES: dict[str, tuple[str, str, list[str]]] = {
    QUEUES: ("v1beta1", "Cluster", ["q", "queue-v1beta1"]),
    POD_GROUPS: ("v1beta1", "Namespaced", ["pg", "podgroup-v1beta1"]),
    JOBS: ("v1alpha1", "Namespaced", ["vcjob", "vj"]),
    CRON_JOBS: ("v1alpha1", "Namespaced", ["cronvcjob", "cronvj"]),
    COMMANDS: ("v1alpha1", "Namespaced", []),
    JOB_FLOWS: ("v1alpha1", "Namespaced", ["jf"]),
    JOB_TEMPLATES: ("v1alpha1", "Namespaced", ["jt"]),
    HYPER_NODES: ("v1alpha1", "Cluster", ["hn"]),
}
COLUMNS = {
    QUEUES: ["PARENT"],
    POD_GROUPS: ["STATUS", "minMember", "RUNNINGS", "AGE"],
    JOBS: ["STATUS", "minAvailable", "RUNNINGS", "AGE"],
    JOB_FLOWS: ["Status", "Age"],
    HYPER_NODES: ["Tier", "TierName", "NodeCount", "Age"],
}


def version_of(name: str) -> JsonObject:
    (version,) = CRDS[name]["spec"]["versions"]
    return version


def test_all_kinds_are_there() -> None:
    assert set(CRDS) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_names_and_scope(name: str) -> None:
    spec = CRDS[name]["spec"]
    found = (version_of(name)["name"], spec["scope"], spec["names"].get("shortNames", []))
    assert found == NAMES[name]


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_that_are_always_shown(name: str) -> None:
    columns = version_of(name)["additionalPrinterColumns"]
    assert [each["name"] for each in columns if not each.get("priority")] == COLUMNS[name]


@pytest.mark.parametrize("name", [POD_GROUPS, JOBS])
def test_the_queue_is_a_wide_column(name: str) -> None:
    assert {
        "name": "QUEUE",
        "type": "string",
        "jsonPath": ".spec.queue",
        "priority": 1,
    } in version_of(name)["additionalPrinterColumns"]


def test_groups_alone_have_a_status_without_being_a_subresource() -> None:
    without = {name for name in CRDS if "subresources" not in version_of(name)}
    assert without == {POD_GROUPS, COMMANDS}


def served(name: str) -> Served:
    (found,) = served_from_crd(CRDS[name])
    return found


def defaulted(name: str, spec: JsonObject) -> JsonObject:
    obj: JsonObject = {"metadata": {"name": "x"}, "spec": spec}
    served(name).schema.default(obj)
    return obj["spec"]


def test_defaults_of_queues() -> None:
    assert defaulted(QUEUES, {}) == {"weight": 1, "dequeueStrategy": "traverse"}


def test_defaults_of_groups() -> None:
    spec = defaulted(POD_GROUPS, {"networkTopology": {}, "subGroupPolicy": [{}]})
    assert spec == {
        "queue": "default",
        "networkTopology": {"mode": "hard"},
        "subGroupPolicy": [{"subGroupSize": 1, "minSubGroups": 0}],
    }


def test_defaults_of_jobs() -> None:
    policy = {"totalPartitions": 2, "partitionSize": 3}
    spec = defaulted(JOBS, {"tasks": [{"partitionPolicy": policy}]})
    assert spec == {
        "queue": "default",
        "maxRetry": 3,
        "tasks": [{"partitionPolicy": policy | {"minPartitions": 0}}],
    }


def test_defaults_of_cron_jobs() -> None:
    spec = defaulted(CRON_JOBS, {"schedule": "* * * * *", "jobTemplate": {}})
    assert (spec["concurrencyPolicy"], spec["successfulJobsHistoryLimit"]) == ("Allow", 3)
    assert spec["failedJobsHistoryLimit"] == 1


def faults(name: str, spec: JsonObject, **rest: Any) -> set[str]:
    """Fields that the schema has something against."""
    resource = served(name).resource
    obj: JsonObject = {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": "x", "namespace": "n" if resource.namespaced else ""},
        "spec": spec,
        **rest,
    }
    return {cause.field for cause in served(name).schema.validate(obj, None)}


TASK = {"name": "t", "replicas": 1}
REFUSED: list[tuple[str, JsonObject, str]] = [
    (QUEUES, {"weight": 0}, "spec.weight"),
    (QUEUES, {"weight": 65536}, "spec.weight"),
    (QUEUES, {"priority": -1}, "spec.priority"),
    (QUEUES, {"parent": "Root"}, "spec.parent"),
    (QUEUES, {"dequeueStrategy": "lifo"}, "spec.dequeueStrategy"),
    (QUEUES, {"capability": {"cpu": "much"}}, "spec.capability.cpu"),
    (POD_GROUPS, {"minMember": -1}, "spec.minMember"),
    (POD_GROUPS, {"networkTopology": {"mode": "firm"}}, "spec.networkTopology.mode"),
    (POD_GROUPS, {"subGroupPolicy": [{"subGroupSize": 0}]}, "spec.subGroupPolicy[0].subGroupSize"),
    (JOBS, {"tasks": []}, "spec.tasks"),
    (JOBS, {"tasks": [TASK], "minAvailable": -1}, "spec.minAvailable"),
    (JOBS, {"tasks": [TASK], "maxRetry": -1}, "spec.maxRetry"),
    (JOBS, {"tasks": [TASK], "minSuccess": 0}, "spec.minSuccess"),
    (JOBS, {"tasks": [TASK], "ttlSecondsAfterFinished": -1}, "spec.ttlSecondsAfterFinished"),
    (JOBS, {"tasks": [TASK | {"replicas": -1}]}, "spec.tasks[0].replicas"),
    (JOBS, {"tasks": [TASK | {"name": "Task_1"}]}, "spec.tasks[0].name"),
    (JOBS, {"tasks": [TASK | {"topologyPolicy": "all"}]}, "spec.tasks[0].topologyPolicy"),
    (JOBS, {"tasks": [TASK], "volumes": [{"mountPath": "a:b"}]}, "spec.volumes[0].mountPath"),
    (CRON_JOBS, {"schedule": "x", "jobTemplate": {}, "concurrencyPolicy": "Never"},
     "spec.concurrencyPolicy"),
    (JOB_FLOWS, {"flows": [{"name": ""}]}, "spec.flows[0].name"),
    (JOB_FLOWS, {"flows": [], "jobRetainPolicy": "keep"}, "spec.jobRetainPolicy"),
    (HYPER_NODES, {"members": []}, "spec.tier"),
    (HYPER_NODES, {"tier": -1}, "spec.tier"),
    (HYPER_NODES, {"tier": 1, "members": [{"type": "Rack"}]}, "spec.members[0].type"),
    (HYPER_NODES, {"tier": 1, "members": [{"type": "Node", "selector": {}}]},
     "spec.members[0].selector"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "spec", "field"), REFUSED)
def test_the_schema_refuses(name: str, spec: JsonObject, field: str) -> None:
    assert field in faults(name, spec)


def test_a_command_says_what_it_is_about_in_full() -> None:
    about = {"apiVersion": "scheduling.volcano.sh/v1beta1", "kind": "Queue", "name": "q"}
    assert faults(COMMANDS, {}, target=about) == {"target.uid"}
    assert faults(COMMANDS, {}, target=about | {"uid": "u"}) == set()
