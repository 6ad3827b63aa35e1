"""What a Job gets that says nothing, and what of it survives a change."""

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shoal.admission.webhooks import MUTATIONS, ChangeRequest
from shoal.api.resource import JsonObject
from tests.unit.admission.objects import Objects, task

(MUTATION,) = [each for each in MUTATIONS if each.name == "mutatejob.volcano.sh"]


def defaulted(old: JsonObject | None = None, **spec: Any) -> JsonObject:
    job = {"metadata": {"name": "j"}, "spec": spec}
    MUTATION.edit(ChangeRequest(job, old), Objects())
    return job["spec"]


def test_a_job_gets_queue_scheduler_and_retries() -> None:
    spec = defaulted(tasks=[task()])
    assert (spec["queue"], spec["schedulerName"], spec["maxRetry"]) == ("default", "volcano", 3)


def test_what_a_job_says_stays() -> None:
    said = {"queue": "q", "schedulerName": "shoal", "maxRetry": 7, "minAvailable": 1}
    spec = defaulted(tasks=[task("a", 3, minAvailable=2, maxRetry=-1)], **said)
    assert said.items() <= spec.items()
    assert (spec["tasks"][0]["minAvailable"], spec["tasks"][0]["maxRetry"]) == (2, -1)


def test_tasks_get_a_name_by_their_number_and_retries() -> None:
    spec = defaulted(tasks=[task("a"), task("", 2)])
    assert [(t["name"], t["maxRetry"]) for t in spec["tasks"]] == [("a", 3), ("default1", 3)]


def test_all_pods_of_a_task_are_wanted_where_it_does_not_say_how_many() -> None:
    spec = defaulted(tasks=[task("a", 2), task("b", 5, minAvailable=1), task("c", 0)])
    assert [t["minAvailable"] for t in spec["tasks"]] == [2, 1, 0]
    assert spec["minAvailable"] == 3


def test_the_least_partitions_make_up_what_is_wanted_of_a_task() -> None:
    policy = {"totalPartitions": 4, "partitionSize": 2, "minPartitions": 3}
    spec = defaulted(
        tasks=[
            task("a", 8, partitionPolicy=policy),
            task("b", 8, partitionPolicy=policy | {"minPartitions": 0}),
        ]
    )
    assert [t["minAvailable"] for t in spec["tasks"]] == [6, 8]


def test_pods_on_the_hosts_network_find_names_of_the_cluster() -> None:
    template = {"spec": {"hostNetwork": True, "containers": []}}
    other = {"spec": {"hostNetwork": True, "dnsPolicy": "Default", "containers": []}}
    spec = defaulted(tasks=[task("a", template=template), task("b", template=other)])
    policies = [t["template"]["spec"]["dnsPolicy"] for t in spec["tasks"]]
    assert policies == ["ClusterFirstWithHostNet", "Default"]


def test_plugins_bring_along_what_they_rest_on() -> None:
    for plugin in ("tensorflow", "pytorch", "ray"):
        assert defaulted(plugins={plugin: ["--x"]})["plugins"] == {plugin: ["--x"], "svc": []}
    assert defaulted(plugins={"mpi": [], "svc": ["--a"]})["plugins"] == {
        "mpi": [],
        "svc": ["--a"],
        "ssh": [],
    }
    assert defaulted(plugins={"env": []})["plugins"] == {"env": []}
    assert "plugins" not in defaulted()


def test_a_job_that_cannot_be_read_stays_as_it_is() -> None:
    assert defaulted(tasks="many") == {"tasks": "many"}


def test_a_manifest_that_is_applied_again_keeps_the_claim_that_was_made() -> None:
    claim = {"accessModes": ["ReadWriteOnce"]}
    written = [{"mountPath": "/a", "volumeClaim": claim}, {"mountPath": "/b", "volumeClaim": claim}]
    made = [written[0] | {"volumeClaimName": "j-pvc-1"}]
    old = {"metadata": {"name": "j"}, "spec": {"volumes": made}}
    spec = defaulted(old, volumes=copy.deepcopy(written))
    assert spec["volumes"] == [*made, written[1]]


@given(
    st.lists(
        st.fixed_dictionaries(
            {"name": st.sampled_from(["", "a", "b"]), "replicas": st.integers(0, 9)},
            optional={"minAvailable": st.integers(0, 9), "maxRetry": st.integers(-1, 3)},
        ),
        max_size=4,
    ),
    st.dictionaries(st.sampled_from(["svc", "mpi", "ray"]), st.just([]), max_size=3),
)
def test_filling_in_twice_changes_nothing(tasks: list[JsonObject], plugins: JsonObject) -> None:
    once = defaulted(tasks=tasks, plugins=plugins)
    assert defaulted(**copy.deepcopy(once)) == once
