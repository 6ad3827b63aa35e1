"""The errors an API server answers, as values both sides share.

`ApiError` is what a server raises and what a client raises again when it reads a `Status`. Texts
and codes are those of Kubernetes v1.36, apimachinery/pkg/api/errors.
"""

from typing import Any

import msgspec

from shoal.api.resource import JsonObject


class Cause(msgspec.Struct, frozen=True):
    """One field that is wrong."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


_QUOTA_TEXTS = ("exceeded quota: ", "failed quota: ")


class ApiError(Exception):
    """An answer that is not a success: HTTP code, machine-readable reason, text for people."""

    def __init__(
        self, code: int, reason: str, message: str, details: JsonObject | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details: JsonObject = details or {}

    def to_status(self) -> JsonObject:
        """The meta/v1 Status object on the wire."""
        status: JsonObject = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        # Clients take the details of what is not found for granted, even empty ones.
        if self.details or self.is_not_found:
            status["details"] = self.details
        status["code"] = self.code
        return status

    @classmethod
    def from_status(cls, status: JsonObject, code: int = 500) -> "ApiError":
        return cls(
            int(status.get("code") or code),
            str(status.get("reason") or ""),
            str(status.get("message") or f"the server answered {code}"),
            status.get("details"),
        )

    @property
    def is_not_found(self) -> bool:
        return self.reason == "NotFound"

    @property
    def is_forbidden(self) -> bool:
        return self.code == 403

    @property
    def is_over_quota(self) -> bool:
        """Refused by a ResourceQuota: room may be made for it at any time. Source of the texts:
        Kubernetes v1.36, staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota."""
        return self.is_forbidden and any(text in self.message for text in _QUOTA_TEXTS)

    @property
    def is_conflict(self) -> bool:
        return self.reason == "Conflict"

    @property
    def is_already_exists(self) -> bool:
        return self.reason == "AlreadyExists"

    @property
    def is_namespace_terminating(self) -> bool:
        """Refused because the namespace is going away: nothing to be done about it."""
        causes = self.details.get("causes") or []
        return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)

    @property
    def is_expired(self) -> bool:
        return self.code == 410

    @property
    def is_final(self) -> bool:
        """Whether asking the same again would be answered the same, until something else changes:
        not where somebody came between, and not where the server is at a loss."""
        return 400 <= self.code < 500 and self.code not in (409, 429)


def _details(name: str, group_resource: str, **more: Any) -> JsonObject:
    plural, _, group = group_resource.partition(".")
    details: JsonObject = {"name": name} if name else {}
    if group:
        details["group"] = group
    details["kind"] = plural
    details.update(more)
    return details


def not_found(group_resource: str, name: str) -> ApiError:
    return ApiError(
        404, "NotFound", f'{group_resource} "{name}" not found', _details(name, group_resource)
    )


def already_exists(group_resource: str, name: str) -> ApiError:
    message = f'{group_resource} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, _details(name, group_resource))


def conflict(group_resource: str, name: str, why: str = "") -> ApiError:
    why = why or (
        "the object has been modified; please apply your changes to the latest version "
        "and try again"
    )
    message = f'Operation cannot be fulfilled on {group_resource} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(name, group_resource))


def invalid(group: str, kind: str, name: str, causes: list[Cause]) -> ApiError:
    """422 with one cause a field; several causes are listed in brackets."""
    texts = [str(cause) for cause in causes]
    listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    group_kind = f"{kind}.{group}" if group else kind
    details = _details(name, f"{kind}.{group}" if group else kind)
    details["causes"] = [
        {"reason": c.reason, "message": c.message, "field": c.field} for c in causes
    ]
    return ApiError(422, "Invalid", f'{group_kind} "{name}" is invalid: {listed}', details)


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def forbidden(group_resource: str, name: str, why: str) -> ApiError:
    message = f'{group_resource} "{name}" is forbidden: {why}'
    return ApiError(403, "Forbidden", message, _details(name, group_resource))


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def expired(message: str = "") -> ApiError:
    message = message or "The resourceVersion for the provided watch is too old."
    return ApiError(410, "Expired", message)


def too_large_resource_version(requested: int, current: int) -> ApiError:
    message = f"Too large resource version: {requested}, current: {current}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return ApiError(504, "Timeout", message, {"causes": [cause], "retryAfterSeconds": 1})


def unsupported_media_type(message: str) -> ApiError:
    return ApiError(415, "UnsupportedMediaType", message)


def method_not_allowed() -> ApiError:
    message = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", message)


def request_too_large(limit_bytes: int) -> ApiError:
    message = f"Request entity too large: limit is {limit_bytes}"
    return ApiError(413, "RequestEntityTooLarge", message)


def internal_error(message: str) -> ApiError:
    return ApiError(500, "InternalError", f"Internal error occurred: {message}")
