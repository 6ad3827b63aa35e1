"""JobFlows: Volcano's verdicts, in Volcano's words."""

import msgspec
import pytest

from shoal.admission.job_flows import refuse_job_flow
from shoal.api.volcano.flow import JobFlow

NOT_ORDERED = "jobflow Flow is not DAG"
Steps = dict[str, list[str] | None]
CASES: dict[str, tuple[Steps, str]] = {
    "no steps": ({}, ""),
    "steps that need nothing": ({"a": None, "b": []}, ""),
    "a line": ({"a": None, "b": ["a"], "c": ["b"]}, ""),
    "a diamond": ({"a": None, "b": ["a"], "c": ["a"], "d": ["b", "c"]}, ""),
    "two that need each other": ({"a": ["b"], "b": ["a"]}, NOT_ORDERED),
    "one that needs itself": ({"a": ["a"]}, NOT_ORDERED),
    "a circle behind a line": (
        {"a": None, "b": ["a", "d"], "c": ["b"], "d": ["c"]},
        NOT_ORDERED,
    ),
    "a step that is not there": (
        {"a": None, "b": ["x"]},
        f"{NOT_ORDERED}: vertex is not defined: x",
    ),
}


@pytest.mark.parametrize(("steps", "message"), CASES.values(), ids=CASES)
def test_a_flow_of(steps: Steps, message: str) -> None:
    flows = [
        {"name": name} if targets is None else {"name": name, "dependsOn": {"targets": targets}}
        for name, targets in steps.items()
    ]
    assert refuse_job_flow(msgspec.convert({"spec": {"flows": flows}}, JobFlow)) == message
