"""Errors as the Status objects that clients read."""

import pytest

from shoal.api.status import ApiError, Cause, bad_request, conflict, invalid, not_found


@pytest.mark.parametrize(
    "error",
    [
        not_found("pods", "web"),
        conflict("deployments.apps", "web"),
        invalid("apps", "Deployment", "web", [Cause("spec.replicas", "Invalid value: -1")]),
        bad_request("no"),
    ],
)
def test_an_error_survives_the_wire(error: ApiError) -> None:
    read = ApiError.from_status(error.to_status())
    assert (read.code, read.reason, str(read), read.details) == (
        error.code, error.reason, str(error), error.details,
    )  # fmt: skip


def test_a_path_that_is_not_found_has_empty_details() -> None:
    status = ApiError(404, "NotFound", "the server could not find the requested resource")
    assert status.to_status()["details"] == {}
    assert "details" not in bad_request("no").to_status()


def test_several_causes_are_listed_in_brackets() -> None:
    causes = [Cause("a", "Required value"), Cause("b", "Invalid value: 1")]
    error = invalid("", "Pod", "web", causes)
    assert str(error) == 'Pod "web" is invalid: [a: Required value, b: Invalid value: 1]'
