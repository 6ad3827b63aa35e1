"""The answers to a patch that cannot be applied.

Source of codes and texts: Kubernetes v1.36, apiserver/pkg/endpoints/handlers/patch.go and
apimachinery/pkg/util/mergepatch/errors.go.
"""

from collections.abc import Mapping
from typing import Any

from shoal.api.status import ApiError, bad_request


def rejected() -> ApiError:
    """422 without details: what a well-formed patch gets that does not fit the object."""
    return ApiError(
        422, "Invalid", "the server rejected our request due to an error in our request"
    )


def malformed(expected: str, found: object) -> ApiError:
    """400 for a body of the wrong JSON type. `expected` is the Go type the text names."""
    text = f"json: cannot unmarshal {_json_type(found)} into Go value of type {expected}"
    return bad_request(f"error decoding patch: {text}")


def missing_merge_key(item: Mapping[str, Any], merge_key: str) -> ApiError:
    # kube-apiserver sends this text, and those below, with code 500; the fault is the client's.
    return bad_request(f"map: {_go_text(item)} does not contain declared merge key: {merge_key}")


def unknown_directive(directive: object, item: Mapping[str, Any]) -> ApiError:
    return bad_request(f"unknown patch type: {_go_text(directive)} in map: {_go_text(item)}")


def wrong_type(field: str, expected: str, found: object) -> ApiError:
    return bad_request(f"expected a {expected} in {field}, but received a {_json_type(found)}")


def order_mismatch(patch_items: object, order: object) -> ApiError:
    return bad_request(
        f"The order in patch list:\n{_go_text(patch_items)}\n"
        f" doesn't match $setElementOrder list:\n{_go_text(order)}\n"
    )


def _json_type(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _go_text(value: object) -> str:
    """As Go's `%v` prints it, since these texts are the server's."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case dict():
            pairs = (f"{key}:{_go_text(value[key])}" for key in sorted(value))
            return f"map[{' '.join(pairs)}]"
        case list():
            return f"[{' '.join(_go_text(item) for item in value)}]"
        case _:
            return str(value)
