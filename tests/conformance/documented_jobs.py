"""Jobs as Kubernetes' documentation shows them, field by field, each small enough for a test.

Each stands for one page of its chapters "Run Jobs" and "Workloads / Jobs" (v1.36): the same
fields and the same programs' outcomes, with shorter waits.
"""

import json
from typing import Any

_TIRED = "trap 'exit 1' TERM; while :; do sleep 0.1; done"
"""Goes on until it is asked to end."""


def job(name: str, script: str, *, pod: dict[str, Any] | None = None, **spec: Any) -> str:
    """A Job of shell pods that are not restarted; `pod` adds to their spec."""
    container = {"name": "main", "image": "busybox", "command": ["sh", "-c", script]}
    template = {"restartPolicy": "Never", "containers": [container], **(pod or {})}
    body = {"template": {"spec": template}, **spec}
    return json.dumps(
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": body}
    )


def _rules(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"rules": list(rules)}


def _exit_code(action: str, code: int) -> dict[str, Any]:
    on = {"containerName": "main", "operator": "In", "values": [code]}
    return {"action": action, "onExitCodes": on}


def _condition(action: str, kind: str) -> dict[str, Any]:
    return {"action": action, "onPodConditions": [{"type": kind}]}


WORK_QUEUE = job("work-queue", "sleep 1", parallelism=2)
"""Completions are left out: done when one pod has succeeded and all have ended."""

STATIC_WORK = job(
    "static-work",
    'set -- foo bar baz; shift "$JOB_COMPLETION_INDEX"; echo "$1"',
    completions=3,
    parallelism=2,
    completionMode="Indexed",
)

HEADLESS = json.dumps(
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "peers"},
        "spec": {"clusterIP": "None", "selector": {"job-name": "talking"}},
    }
)
TALKING = job(
    "talking",
    f"test $JOB_COMPLETION_INDEX = 1 || {{ {_TIRED}; }};"
    "until getent hosts talking-0.peers; do sleep 0.2; done",
    pod={"subdomain": "peers"},
    completions=2,
    parallelism=2,
    completionMode="Indexed",
    successPolicy=_rules({"succeededIndexes": "1"}),
)
"""Whoever finds the other stays as short as he likes: the other is there until it is found."""

SOFTWARE_BUG = job(
    "software-bug",
    "exit 42",
    completions=8,
    parallelism=2,
    backoffLimit=6,
    podFailurePolicy=_rules(_exit_code("FailJob", 42)),
)
CONFIG_ISSUE = job(
    "config-issue",
    "",
    pod={"containers": [{"name": "main", "image": "not/there:example"}]},
    completions=8,
    parallelism=2,
    podFailurePolicy=_rules(_condition("FailJob", "ConfigIssue")),
)
FAILING_INDEX = job(
    "failing-index",
    "case $JOB_COMPLETION_INDEX in 0) exit 42 ;; 1) exit 1 ;; esac",
    completions=4,
    parallelism=4,
    completionMode="Indexed",
    backoffLimitPerIndex=0,
    podFailurePolicy=_rules(_exit_code("FailIndex", 42)),
)
LEADER = job(
    "leader",
    f"test $JOB_COMPLETION_INDEX = 2 || {{ {_TIRED}; }}",
    completions=4,
    parallelism=4,
    completionMode="Indexed",
    successPolicy=_rules({"succeededIndexes": "0,2-3", "succeededCount": 1}),
)
TOO_LATE = job("too-late", "exec sleep 1000", activeDeadlineSeconds=1, backoffLimit=5)
SHORT_LIVED = job("short-lived", "true", ttlSecondsAfterFinished=0)
SUSPENDED = job("suspended", "true", suspend=True, completions=2, parallelism=1)
