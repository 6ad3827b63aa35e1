"""What a pod of a job is called, says of itself and mounts."""

import msgspec

from shoal.api.pod import Pod
from shoal.controllers.volcano import job_pods, job_volumes
from shoal.controllers.volcano.job_defaults import with_defaults
from shoal.controllers.volcano.job_plugins.table import build_plugins
from shoal.testing.volcano import JobBuilder, make_job


def first_pod(built: JobBuilder, index: int = 0):
    job = with_defaults(built.obj())
    return job_pods.manifest(job, job.spec.tasks[0], index, "j-uid", build_plugins(job))


def test_a_pod_says_which_job_task_attempt_and_group_it_is_of():
    built = make_job("j").task("w", 2).queue("q").status(version=3, retryCount=2)
    pod = first_pod(built, 1)
    assert pod["metadata"]["name"] == "j-w-1"
    assert pod["metadata"]["annotations"] == {
        "scheduling.k8s.io/group-name": "j-uid",
        "volcano.sh/task-index": "1",
        "volcano.sh/task-spec": "w",
        "volcano.sh/job-name": "j",
        "volcano.sh/queue-name": "q",
        "volcano.sh/job-version": "3",
        "volcano.sh/template-uid": "j-w",
        "volcano.sh/job-retry-count": "2",
    }
    assert pod["metadata"]["labels"] == {
        "volcano.sh/task-index": "1",
        "volcano.sh/job-name": "j",
        "volcano.sh/task-spec": "w",
        "volcano.sh/job-namespace": "default",
        "volcano.sh/queue-name": "q",
    }
    owner = pod["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("Job", "j", True)


def test_a_pod_has_what_its_template_says():
    template = {
        "metadata": {"labels": {"app": "x"}, "annotations": {"note": "y"}},
        "spec": {"containers": [{"name": "c"}], "schedulerName": "own", "priorityClassName": "p"},
    }
    pod = first_pod(make_job("j").task("w", template=template).spec(priorityClassName="of-the-job"))
    assert pod["metadata"]["labels"]["app"] == "x"
    assert pod["metadata"]["annotations"]["note"] == "y"
    assert (pod["spec"]["schedulerName"], pod["spec"]["priorityClassName"]) == ("own", "p")


def test_scheduler_and_priority_of_the_job_fill_what_the_template_leaves_out():
    spec = first_pod(make_job("j").task("w").spec(priorityClassName="high"))["spec"]
    assert (spec["schedulerName"], spec["priorityClassName"]) == ("volcano", "high")


def test_what_a_job_says_of_preemption_its_pods_say_too():
    said = {
        "volcano.sh/preemptable": "true",
        "volcano.sh/cooldown-time": "10m",
        "volcano.sh/revocable-zone": "*",
        "volcano.sh/jdb-min-available": "1",
        "volcano.sh/jdb-max-unavailable": "2",
    }
    built = make_job("j").task("w").annotations(**said, other="x")
    built = built.labels(**{"volcano.sh/preemptable": "true", "app": "x"})
    metadata = first_pod(built)["metadata"]
    inherited = {k: v for k, v in metadata["annotations"].items() if k in said}
    del said["volcano.sh/jdb-max-unavailable"]
    assert inherited == said
    assert "other" not in metadata["annotations"]
    assert metadata["labels"]["volcano.sh/preemptable"] == "true"
    assert "app" not in metadata["labels"]


def test_a_numa_policy_becomes_an_annotation():
    annotations = first_pod(make_job("j").task("w", topologyPolicy="restricted"))["metadata"][
        "annotations"
    ]
    assert annotations["volcano.sh/numa-topology-policy"] == "restricted"


def test_partitions_are_numbered_by_their_size():
    built = make_job("j").task("w", 6, partitionPolicy={"totalPartitions": 3, "partitionSize": 2})
    partitions = [
        first_pod(built, index)["metadata"]["labels"]["volcano.sh/partition-id"]
        for index in range(6)
    ]
    assert partitions == ["0", "0", "1", "1", "2", "2"]


def test_plugins_see_the_pod_last():
    pod = first_pod(make_job("j").task("w", 2).spec(plugins={"env": []}), 1)
    assert {"name": "VC_TASK_INDEX", "value": "1"} in pod["spec"]["containers"][0]["env"]


def test_making_a_pod_leaves_the_jobs_template_alone():
    built = (
        make_job("j")
        .task("w")
        .spec(volumes=[{"mountPath": "/data"}], plugins={"env": [], "svc": []})
    )
    job = with_defaults(built.obj())
    before = msgspec.json.encode(job)
    job_pods.manifest(job, job.spec.tasks[0], 0, "g", build_plugins(job))
    assert msgspec.json.encode(job) == before


def mounted(*volumes: dict[str, object]):
    spec = first_pod(make_job("j").task("w").spec(volumes=list(volumes)))["spec"]
    return spec["volumes"], spec["containers"][0]["volumeMounts"]


def test_an_existing_claim_is_mounted_into_the_containers():
    (volume,), (mount,) = mounted({"mountPath": "/in", "volumeClaimName": "data"})
    assert volume["persistentVolumeClaim"] == {"claimName": "data"}
    assert mount == {"name": volume["name"], "mountPath": "/in"}
    assert volume["name"].startswith("j-") and len(volume["name"]) == len("j-") + 12


def test_one_claim_at_two_paths_is_one_volume():
    volumes, mounts = mounted(
        {"mountPath": "/in", "volumeClaimName": "data"},
        {"mountPath": "/out", "volumeClaimName": "data"},
    )
    assert len(volumes) == 1
    assert {mount["mountPath"] for mount in mounts} == {"/in", "/out"}


def test_volumes_without_a_claim_are_empty_and_each_its_own():
    volumes, _ = mounted({"mountPath": "/a"}, {"mountPath": "/b"})
    assert [volume["emptyDir"] for volume in volumes] == [{}, {}]
    assert volumes[0]["name"] != volumes[1]["name"]


def test_init_containers_get_no_volumes():
    template = {"spec": {"initContainers": [{"name": "i"}], "containers": [{"name": "c"}]}}
    built = make_job("j").task("w", template=template).spec(volumes=[{"mountPath": "/a"}])
    assert "volumeMounts" not in first_pod(built)["spec"]["initContainers"][0]


def test_a_new_claim_has_a_name_of_its_own_that_stays():
    built = (
        make_job("j")
        .task("w")
        .spec(volumes=[{"mountPath": "/a", "volumeClaim": {"accessModes": ["ReadWriteOnce"]}}])
    )
    job = built.obj()
    name = job_volumes.claim_name(job, 0)
    assert name.startswith("j-pvc-") and len(name) == len("j-pvc-") + 12
    assert job_volumes.new_claims(job) == {name: {"accessModes": ["ReadWriteOnce"]}}
    named = job_volumes.named_volumes(job)
    assert named == [
        {
            "mountPath": "/a",
            "volumeClaimName": name,
            "volumeClaim": {"accessModes": ["ReadWriteOnce"]},
        }
    ]
    again = built.spec(volumes=named).obj()
    assert job_volumes.claim_name(again, 0) == name
    assert job_volumes.named_volumes(again) is None


def test_a_pod_is_read_back_as_it_was_written():
    built = make_job("j").task("w", 3, partitionPolicy={"partitionSize": 2}).status(version=4)
    pod = msgspec.convert(first_pod(built, 2), Pod)
    assert (job_pods.task_of(pod), job_pods.index_of(pod)) == ("w", 2)
    assert (job_pods.version_of(pod), job_pods.partition_of(pod)) == (4, "1")


def test_annotations_that_somebody_has_spoiled_name_no_attempt_and_no_place():
    spoiled = msgspec.convert({"metadata": {"annotations": {"volcano.sh/job-version": "x"}}}, Pod)
    assert (job_pods.version_of(spoiled), job_pods.index_of(spoiled)) == (-1, -1)
