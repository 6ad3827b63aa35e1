"""What a Job's policies say of a failed pod, and of the indexes that have succeeded.

Pure. Source of rules and texts: Kubernetes v1.36, pkg/controller/job/pod_failure_policy.go and
success_policy.go.
"""

from enum import StrEnum

import msgspec

from shoal.api.batch import ExitCodesRequirement, Job, PodFailureRule
from shoal.api.job_indexes import Indexes, read_indexes
from shoal.api.pod import ContainerStatus, Pod


class FailureAction(StrEnum):
    FAIL_JOB = "FailJob"
    FAIL_INDEX = "FailIndex"
    IGNORE = "Ignore"
    COUNT = "Count"


class FailureVerdict(msgspec.Struct, frozen=True):
    """What becomes of one failed pod."""

    action: FailureAction | None = None
    """Of the first rule that matches; None where none does, which counts the failure."""
    message: str = ""
    """Why the job fails, where it does."""

    @property
    def is_counted(self) -> bool:
        """Whether the failure counts towards a limit."""
        return self.action is not FailureAction.IGNORE


_UNRULED = FailureVerdict()


def verdict(job: Job, pod: Pod) -> FailureVerdict:
    """Of the pod failure policy on a failed pod."""
    policy = job.spec.pod_failure_policy
    for number, rule in enumerate(policy.rules if policy else ()):
        what = _match(rule, pod)
        if what:
            action = FailureAction(rule.action)
            return FailureVerdict(action, f"{what} matching {action} rule at index {number}")
    return _UNRULED


def _match(rule: PodFailureRule, pod: Pod) -> str:
    """What of the pod matches, as the beginning of a sentence; empty where nothing does."""
    name = f"{pod.metadata.namespace}/{pod.metadata.name}"
    if rule.on_exit_codes is not None:
        statuses = (*pod.status.container_statuses, *pod.status.init_container_statuses)
        for status in statuses:
            code = _exit_code(status)
            if code and _is_meant(rule.on_exit_codes, status.name, code):
                return f"Container {status.name} for pod {name} failed with exit code {code}"
        return ""
    wanted = {(pattern.type, pattern.status) for pattern in rule.on_pod_conditions}
    for condition in pod.status.conditions:
        if (condition.type, condition.status) in wanted:
            return f"Pod {name} has condition {condition.type}"
    return ""


def _exit_code(status: ContainerStatus) -> int:
    """0 as well where it has not ended."""
    return status.state.terminated.exit_code if status.state.terminated else 0


def _is_meant(requirement: ExitCodesRequirement, container: str, code: int) -> bool:
    if requirement.container_name not in {None, container}:
        return False
    return (code in requirement.values) == (requirement.operator == "In")


def success_message(job: Job, succeeded: Indexes) -> str:
    """Which rule of the success policy is met; empty where none is."""
    policy = job.spec.success_policy
    if policy is None or not succeeded.runs:
        return ""
    for number, rule in enumerate(policy.rules):
        done = len(succeeded)
        wanted = rule.succeeded_count
        if rule.succeeded_indexes is not None:
            asked = read_indexes(rule.succeeded_indexes, job.spec.completions or 0)
            if not asked.runs:
                continue
            done = len(asked & succeeded)
            wanted = len(asked) if wanted is None else wanted
        if wanted is not None and done >= wanted:
            return f"Matched rules at index {number}"
    return ""
