"""What a client can read: the Accept header, as far as answers differ by it."""

from enum import StrEnum
from functools import lru_cache

import msgspec

from shoal.api.status import ApiError

_DISCOVERY = "apidiscovery.k8s.io"
_READABLE = {"application/json", "application/*", "*/*", "application/vnd.kubernetes.protobuf"}


class DiscoveryForm(StrEnum):
    V2 = "v2"
    V2BETA1 = "v2beta1"
    LEGACY = "legacy"


class MediaType(msgspec.Struct, frozen=True):
    type: str
    parameters: dict[str, str]


@lru_cache(maxsize=256)
def parse_accept(text: str) -> tuple[MediaType, ...]:
    """In the order of the header; no client of ours weighs with `q`."""
    found: list[MediaType] = []
    for entry in text.split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        if name:
            pairs = (parameter.partition("=") for parameter in parameters)
            found.append(MediaType(name.lower(), {key: value for key, _, value in pairs}))
    return tuple(found)


def check_acceptable(accept: str) -> None:
    """Raises ApiError (406) where no JSON can be sent. Protobuf readers read JSON too."""
    types = parse_accept(accept)
    if types and not any(entry.type in _READABLE for entry in types):
        raise ApiError(
            406,
            "NotAcceptable",
            "only the following media types are accepted: application/json",
        )


def wants_table(accept: str) -> bool:
    """Whether a meta.k8s.io/v1 Table comes before plain JSON."""
    for entry in parse_accept(accept):
        wanted = entry.parameters.get("as", "")
        if wanted == "Table" and entry.parameters.get("v") == "v1":
            return True
        if not wanted and entry.type in {"application/json", "*/*"}:
            return False
    return False


def discovery_form(accept: str) -> DiscoveryForm:
    for entry in parse_accept(accept):
        if entry.parameters.get("as") == "APIGroupDiscoveryList" and (
            entry.parameters.get("g") == _DISCOVERY
        ):
            version = entry.parameters.get("v", "")
            if version in {DiscoveryForm.V2, DiscoveryForm.V2BETA1}:
                return DiscoveryForm(version)
        elif entry.type in {"application/json", "*/*"}:
            return DiscoveryForm.LEGACY
    return DiscoveryForm.LEGACY
