"""Jobs are refused in Kubernetes' words, and change only where they may."""

import copy

import pytest

from shoal.apiserver.schema.builtin import builtin_schema
from shoal.testing.builders import make_batch_job

SCHEMA = builtin_schema("batch", "v1", "Job")
LABELS = {
    "job-name": "j",
    "batch.kubernetes.io/job-name": "j",
    "controller-uid": "u",
    "batch.kubernetes.io/controller-uid": "u",
}


def job(built=None, **spec):
    """As it is after its strategy has seen it."""
    manifest = (built or make_batch_job()).spec(**spec).manifest()
    manifest["metadata"]["uid"] = "u"
    manifest["spec"]["template"].setdefault("metadata", {})["labels"] = dict(LABELS)
    matched = {"batch.kubernetes.io/controller-uid": "u"}
    manifest["spec"].setdefault("selector", {"matchLabels": matched})
    SCHEMA.default(manifest)
    return manifest


def told(new, old=None):
    return [str(cause) for cause in SCHEMA.validate(new, old)]


def test_a_job_is_filled_in():
    spec = job()["spec"]
    assert (spec["completions"], spec["parallelism"], spec["backoffLimit"]) == (1, 1, 6)
    assert spec["completionMode"] == "NonIndexed"
    assert spec["podReplacementPolicy"] == "TerminatingOrFailed"
    assert (spec["suspend"], spec["manualSelector"]) == (False, False)


def test_a_job_of_parallelism_alone_is_a_work_queue():
    assert "completions" not in job(parallelism=3)["spec"]


def test_a_limit_for_each_index_takes_the_place_of_the_jobs():
    assert job(completions=2, backoffLimitPerIndex=1)["spec"]["backoffLimit"] == 2**31 - 1


def test_a_pod_failure_policy_replaces_only_pods_that_have_ended():
    rule = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}
    spec = job(podFailurePolicy={"rules": [rule]})["spec"]
    assert spec["podReplacementPolicy"] == "Failed"
    assert spec["podFailurePolicy"]["rules"][0]["onPodConditions"][0]["status"] == "True"
    # A policy without rules is a policy, too.
    assert told(job(podFailurePolicy={})) == []


def test_filling_in_twice_changes_nothing():
    once = job(completions=2)
    twice = copy.deepcopy(once)
    SCHEMA.default(twice)
    assert once == twice
    assert told(once) == []


INDEXED = {"completionMode": "Indexed", "completions": 3}
CODES = {"operator": "In", "values": [1]}


def policy(**rule):
    return {"rules": [{"action": "FailJob", **rule}]}


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (
            {"backoffLimit": -1},
            "spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            {"completionMode": "Other"},
            'spec.completionMode: Unsupported value: "Other": supported values: "NonIndexed",'
            ' "Indexed"',
        ),
        (
            {"completionMode": "Indexed", "parallelism": 2},
            "spec.completions: Required value: when completion mode is Indexed",
        ),
        (
            {"backoffLimitPerIndex": 1},
            "spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode",
        ),
        (
            {**INDEXED, "maxFailedIndexes": 1},
            "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified",
        ),
        (
            {**INDEXED, "backoffLimitPerIndex": 1, "maxFailedIndexes": 4},
            "spec.maxFailedIndexes: Invalid value: 4: must be less than or equal to completions",
        ),
        (
            {"completionMode": "Indexed", "completions": 3, "parallelism": 100001},
            "spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when"
            " completion mode is Indexed",
        ),
        (
            {"managedBy": "me"},
            'spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as'
            ' "acme.io/foo")',
        ),
        (
            {"podFailurePolicy": policy()},
            "spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and"
            " OnPodConditions is required",
        ),
        (
            {"podFailurePolicy": policy(onExitCodes={**CODES, "values": [0]})},
            "spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: must not be 0"
            " for the In operator",
        ),
        (
            {"podFailurePolicy": policy(onExitCodes={**CODES, "values": [2, 1]})},
            "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [2,1]: must be"
            " ordered",
        ),
        (
            {"podFailurePolicy": policy(onExitCodes={**CODES, "containerName": "x"})},
            'spec.podFailurePolicy.rules[0].onExitCodes.containerName: Invalid value: "x": must be'
            " one of the container or initContainer names in the pod template",
        ),
        (
            {"podFailurePolicy": policy(action="", onExitCodes=CODES)},
            'spec.podFailurePolicy.rules[0].action: Required value: valid values: ["Count"'
            ' "FailIndex" "FailJob" "Ignore"]',
        ),
        (
            {"successPolicy": {"rules": [{"succeededCount": 1}]}},
            'spec.successPolicy: Invalid value: {"rules":[{"succeededCount":1}]}: requires indexed'
            " completion mode",
        ),
        (
            {**INDEXED, "successPolicy": {"rules": [{}]}},
            "spec.successPolicy.rules[0]: Required value: at least one of succeededCount or"
            " succeededIndexes must be specified",
        ),
        (
            {**INDEXED, "successPolicy": {"rules": [{"succeededCount": 4}]}},
            "spec.successPolicy.rules[0].succeededCount: Invalid value: 4: must be less than or"
            " equal to 3 (the number of specified completions)",
        ),
        (
            {"podReplacementPolicy": "Never"},
            'spec.podReplacementPolicy: Unsupported value: "Never": supported values: "Failed",'
            ' "TerminatingOrFailed"',
        ),
    ],
)
def test_a_wrong_spec_is_refused(spec, text):
    assert told(job(**spec)) == [text]


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ("Always", 'Required value: valid values: "OnFailure", "Never"'),
        ("Some", 'Unsupported value: "Some": supported values: "OnFailure", "Never"'),
    ],
)
def test_pods_must_end(policy, text):
    built = make_batch_job().pod(restartPolicy=policy)
    assert f"spec.template.spec.restartPolicy: {text}" in told(job(built))


def test_labels_of_another_job_are_refused():
    stolen = job()
    stolen["spec"]["template"]["metadata"]["labels"]["job-name"] = "other"
    why = "spec.template.metadata.labels[job-name]: Invalid value: \"other\": must be 'j'"
    assert told(stolen) == [why]


def test_a_name_too_long_for_hostnames_of_indexes_is_refused():
    named = job(make_batch_job("a" * 62), **INDEXED)
    assert any("will not able to create pod with invalid DNS label" in text for text in told(named))


@pytest.mark.parametrize(
    "change",
    [{"completions": 2}, {"completionMode": "Indexed"}, {"managedBy": "example.com/x"}],
)
def test_what_a_job_is_stays(change):
    (field,) = change
    (text,) = told(job(**change), job())
    assert text.startswith(f"spec.{field}: Invalid value: ")
    assert text.endswith(": field is immutable")


def test_an_indexed_job_changes_its_completions_with_its_parallelism_only():
    before = job(**INDEXED, parallelism=3)
    assert told(job(**INDEXED | {"completions": 5, "parallelism": 5}), before) == []
    text = "can only be modified in tandem with spec.parallelism"
    why = f"spec.completions: Invalid value: 5: {text}"
    assert told(job(**INDEXED | {"completions": 5, "parallelism": 3}), before) == [why]


def with_template(base, **pod):
    changed = copy.deepcopy(base)
    changed["spec"]["template"]["spec"].update(pod)
    return changed


def test_the_template_stays_unless_the_job_is_held():
    assert "field is immutable" in told(with_template(job(), nodeSelector={"a": "b"}), job())[0]
    held = job(suspend=True)
    term = {"matchExpressions": [{"key": "a", "operator": "Exists"}]}
    required = {"nodeSelectorTerms": [term]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    assert told(with_template(held, nodeSelector={"a": "b"}, affinity=affinity), held) == []
    larger = copy.deepcopy(held)
    larger["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1"}}
    assert told(larger, held) == []
    other = copy.deepcopy(held)
    other["spec"]["template"]["spec"]["containers"][0]["image"] = "other"
    assert "field is immutable" in told(other, held)[0]


def test_a_held_job_whose_pods_still_run_keeps_its_template():
    held = {**job(suspend=True), "status": {"active": 1}}
    assert "field is immutable" in told(with_template(held, nodeSelector={"a": "b"}), held)[0]


TARGET = {"type": "SuccessCriteriaMet", "status": "True"}
COMPLETE = {"type": "Complete", "status": "True"}
DONE = {
    "conditions": [TARGET, COMPLETE],
    "startTime": "2026-01-01T00:00:00Z",
    "completionTime": "2026-01-01T00:00:05Z",
    "succeeded": 1,
}


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ({**DONE, "conditions": []}, "cannot disable the terminal Complete=True condition"),
        ({**DONE, "succeeded": 0}, "cannot decrease the succeeded counter"),
        ({**DONE, "active": 1}, "active>0 is invalid for finished job"),
        ({**DONE, "completionTime": "2026-01-01T00:00:06Z"}, "completionTime cannot be mutated"),
        ({**DONE, "startTime": "2026-01-02T00:00:00Z"}, "completionTime cannot be set before"),
        (
            {**DONE, "conditions": [TARGET, COMPLETE, {"type": "Failed", "status": "True"}]},
            "cannot set Complete=True and Failed=true conditions",
        ),
        (
            {**DONE, "uncountedTerminatedPods": {"failed": ["u"]}},
            "uncountedTerminatedPods needs to be empty for finished job",
        ),
    ],
)
def test_no_job_comes_back_from_its_end(status, text):
    before = {**job(), "status": DONE}
    assert told({**job(), "status": DONE}, before) == []
    assert any(text in cause for cause in told({**job(), "status": status}, before))
