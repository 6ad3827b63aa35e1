"""What a Job's policies say of failed pods and of indexes."""

import pytest

from shoal.api.job_indexes import Indexes
from shoal.controllers.kube.job_policies import FailureAction, success_message, verdict
from shoal.testing.builders import make_batch_job, make_pod


def failed(code, container="main", **status):
    state = {"terminated": {"exitCode": code}}
    return make_pod("p").status(containerStatuses=[{"name": container, "state": state}], **status)


def job(*rules):
    return make_batch_job().spec(podFailurePolicy={"rules": list(rules)}).obj()


def codes(operator, *values, **more):
    return {"onExitCodes": {"operator": operator, "values": list(values), **more}}


@pytest.mark.parametrize(
    ("requirement", "code", "is_match"),
    [
        (codes("In", 1, 42), 42, True),
        (codes("In", 1, 42), 2, False),
        (codes("NotIn", 1, 42), 2, True),
        (codes("NotIn", 1, 42), 42, False),
        (codes("NotIn", 1), 0, False),
        (codes("In", 42, containerName="other"), 42, False),
        (codes("In", 42, containerName="main"), 42, True),
    ],
)
def test_exit_codes_are_matched(requirement, code, is_match):
    said = verdict(job({"action": "Ignore", **requirement}), failed(code).obj())
    assert (said.action is FailureAction.IGNORE) == is_match
    assert said.is_counted != is_match


def test_the_first_rule_that_matches_decides():
    rules = ({"action": "Count", **codes("In", 7)}, {"action": "FailJob", **codes("NotIn", 1)})
    assert verdict(job(*rules), failed(7).obj()).action is FailureAction.COUNT
    said = verdict(job(*rules), failed(8).obj())
    assert said.action is FailureAction.FAIL_JOB
    assert said.message == (
        "Container main for pod default/p failed with exit code 8 matching FailJob rule at index 1"
    )


def test_conditions_are_matched_by_type_and_status():
    rule = {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget"}]}
    lost = failed(137).condition("DisruptionTarget", "True").obj()
    text = "Pod default/p has condition DisruptionTarget matching FailJob rule at index 0"
    assert verdict(job(rule), lost).message == text
    kept = failed(137).condition("DisruptionTarget", "False").obj()
    assert verdict(job(rule), kept).action is None


def test_without_a_policy_failures_count():
    assert verdict(make_batch_job().obj(), failed(1).obj()).is_counted


@pytest.mark.parametrize(
    ("rule", "succeeded", "is_met"),
    [
        ({"succeededCount": 2}, (0,), False),
        ({"succeededCount": 2}, (0, 3), True),
        ({"succeededIndexes": "1-2"}, (1, 3), False),
        ({"succeededIndexes": "1-2"}, (1, 2), True),
        ({"succeededIndexes": "1-2", "succeededCount": 1}, (2,), True),
        ({"succeededIndexes": "9"}, (0, 1, 2, 3), False),
    ],
)
def test_a_success_policy_is_met(rule, succeeded, is_met):
    built = make_batch_job().indexed(4).spec(successPolicy={"rules": [rule]})
    message = success_message(built.obj(), Indexes.of(succeeded))
    assert message == ("Matched rules at index 0" if is_met else "")
