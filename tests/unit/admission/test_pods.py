"""Pods with bounds on disruptions: Volcano's verdicts, in Volcano's words."""

import pytest

from shoal.admission.pods import refuse_pod

LEAST = "volcano.sh/jdb-min-available"
MOST = "volcano.sh/jdb-max-unavailable"
SHARE = "it must be a valid percentage which between 1% ~ 99%"

CASES: dict[str, tuple[dict[str, str], str]] = {
    "no annotations": ({}, ""),
    "other annotations": ({"a": "b"}, ""),
    "a count": ({LEAST: "3"}, ""),
    "a share": ({MOST: "30%"}, ""),
    "no pods at all": (
        {LEAST: "0"},
        f'invalid value <"0"> for {LEAST}, it must be a positive integer',
    ),
    "fewer than no pods": (
        {MOST: "-5"},
        f'invalid value <"-5"> for {MOST}, it must be a positive integer',
    ),
    "all of them": ({MOST: "100%"}, f'invalid value <"100%"> for {MOST}, {SHARE}'),
    "none of them": ({LEAST: "0%"}, f'invalid value <"0%"> for {LEAST}, {SHARE}'),
    "words": (
        {LEAST: "many%"},
        f'invalid value strconv.Atoi: parsing "many": invalid syntax for {LEAST}',
    ),
    "both bounds": (
        {LEAST: "1", MOST: "1"},
        f"not allow configure multiple annotations <[{LEAST} {MOST}]> at same time",
    ),
}


@pytest.mark.parametrize(("annotations", "message"), CASES.values(), ids=CASES)
def test_a_pod_with(annotations: dict[str, str], message: str) -> None:
    metadata = {"name": "p", "annotations": annotations}
    for scheduler in ("volcano", "shoal"):
        assert refuse_pod({"metadata": metadata, "spec": {"schedulerName": scheduler}}) == message
    other = {"metadata": metadata, "spec": {"schedulerName": "default-scheduler"}}
    assert refuse_pod(other) == "", "of other schedulers nothing is asked"
