"""Request bodies: JSON, YAML or Kubernetes' protobuf to plain objects."""

from typing import Any

import orjson
import yaml

from shoal.api.json_yaml import JsonYamlError, JsonYamlLoader, document
from shoal.api.resource import JsonObject
from shoal.api.status import bad_request, unsupported_media_type
from shoal.apiserver.exchange import JSON, Request
from shoal.apiserver.nesting import is_nested_too_deeply, may_be_nested_too_deeply
from shoal.apiserver.protobuf import decode as decode_protobuf
from shoal.client.protocol import PatchType

YAML = "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"


def read_object(request: Request) -> JsonObject:
    """The body of a create or replace. Raises ApiError: 400 unreadable, 415 unknown format."""
    match request.content_type:
        case "" | "application/json":
            body = _read_json(request.body)
        case "application/yaml":
            body = _read_yaml(request.body)
        case "application/vnd.kubernetes.protobuf":
            return decode_protobuf(request.body)
        case _:
            raise _unknown_format(JSON, YAML, PROTOBUF)
    if not isinstance(body, dict):
        raise bad_request("couldn't get version/kind; json parse error: the body is not an object")
    return body


def read_options(request: Request) -> JsonObject:
    """The body of a delete, which may be absent."""
    return read_object(request) if request.body else {}


def read_patch(request: Request) -> tuple[PatchType, Any]:
    try:
        patch_type = PatchType(request.content_type)
    except ValueError as error:
        raise _unknown_format(*PatchType) from error
    body = _read_yaml(request.body) if patch_type is PatchType.APPLY else _read_json(request.body)
    return patch_type, body


def _read_json(body: bytes) -> Any:
    try:
        loaded = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from error
    if may_be_nested_too_deeply(body) and is_nested_too_deeply(loaded):
        raise bad_request("couldn't get version/kind; json parse error: exceeded max depth")
    return loaded


def _read_yaml(body: bytes) -> Any:
    try:
        # An alias costs the sender nothing and may stand for gigabytes.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(body, JsonYamlLoader)):
            raise bad_request("error converting YAML to JSON: aliases are not accepted")
        return document(body)
    except (yaml.YAMLError, JsonYamlError) as error:
        raise bad_request(f"error converting YAML to JSON: yaml: {error}") from error


def _unknown_format(*accepted: str) -> Exception:
    return unsupported_media_type(
        "the body of the request was in an unknown format - accepted media types include: "
        + ", ".join(accepted)
    )
