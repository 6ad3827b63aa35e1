"""JobFlows: their steps must come in some order. Source of verdicts and texts: Volcano v1.15,
pkg/webhooks/admission/jobflows."""

from shoal.admission.ordering import has_order, undefined
from shoal.api.volcano.flow import JobFlow

_NOT_ORDERED = "jobflow Flow is not DAG"


def refuse_job_flow(flow: JobFlow) -> str:
    """Why it may not be created, or changed to this; empty where it may."""
    steps = {
        step.name: list(step.depends_on.targets) if step.depends_on else []
        for step in flow.spec.flows
    }
    missing = undefined(steps)
    if missing:
        return f"{_NOT_ORDERED}: vertex is not defined: {missing[0]}"
    return "" if has_order(steps) else _NOT_ORDERED
