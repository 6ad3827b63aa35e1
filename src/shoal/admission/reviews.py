"""Admission for other clusters: an ASGI application that answers AdmissionReviews.

The rules are those of `built_in`; the cluster's API server asks them over HTTP, at Volcano's
paths. Source of the format: Kubernetes v1.36, admission/v1.
"""

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import jsonpatch
import msgspec

from shoal.admission.job_tasks import TemplateRules
from shoal.admission.lookup import Lookup
from shoal.admission.webhooks import MUTATIONS, ChangeRequest, validations
from shoal.api.resource import JsonObject

_MAX_BODY_BYTES = 8 * 1024 * 1024
"""Two objects of the size that API servers take, and what is around them."""

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Verdict = JsonObject
"""A response without its uid."""


class AdmissionRequest(msgspec.Struct, rename="camel"):
    uid: str
    object: JsonObject | None = None
    old_object: JsonObject | None = None


class AdmissionReview(msgspec.Struct, rename="camel"):
    request: AdmissionRequest


_read = msgspec.json.Decoder(AdmissionReview).decode


class ReviewApp:
    """One path a webhook, and `/healthz`."""

    def __init__(self, lookup: Lookup, template_rules: TemplateRules) -> None:
        self._verdicts: dict[str, Callable[[ChangeRequest], Verdict]] = {}
        for mutation in MUTATIONS:
            self._verdicts[mutation.path] = lambda change, each=mutation: _patched(
                change, lambda edited: each.edit(edited, lookup)
            )
        for validation in validations(lookup, template_rules):
            self._verdicts[validation.path] = lambda change, each=validation: _judged(
                each.refuse(change)
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/healthz":
            await _answer(send, 200, b"ok", b"text/plain")
            return
        verdict = self._verdicts.get(scope["path"])
        if verdict is None:
            await _answer(send, 404, b"no webhook is served at this path", b"text/plain")
            return
        body = await _body(receive)
        try:
            review = _read(body or b"")
        except msgspec.DecodeError as error:
            text = f"the body is not an AdmissionReview of admission.k8s.io/v1: {error}"
            await _answer(send, 400, text.encode(), b"text/plain")
            return
        await _answer(send, 200, _response(review, verdict), b"application/json")


def _response(review: AdmissionReview, verdict: Callable[[ChangeRequest], Verdict]) -> bytes:
    request = review.request
    answer: JsonObject = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {
            "uid": request.uid,
            **verdict(ChangeRequest(request.object, request.old_object)),
        },
    }
    return msgspec.json.encode(answer)


def _judged(why: str) -> Verdict:
    if not why:
        return {"allowed": True}
    return {"allowed": False, "status": {"metadata": {}, "message": why}}


def _patched(change: ChangeRequest, edit: Callable[[ChangeRequest], None]) -> Verdict:
    """Allowed, with what was filled in as a JSON patch."""
    edited: ChangeRequest = msgspec.convert(msgspec.to_builtins(change), ChangeRequest)
    edit(edited)
    patch = jsonpatch.make_patch(change.obj, edited.obj).patch
    if not patch:
        return {"allowed": True}
    text = base64.b64encode(json.dumps(patch).encode()).decode()
    return {"allowed": True, "patchType": "JSONPatch", "patch": text}


async def _body(receive: Receive) -> bytes | None:
    """None where there is none, or too much of it."""
    pieces: list[bytes] = []
    size_bytes = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        piece: bytes = message.get("body", b"")
        size_bytes += len(piece)
        if size_bytes > _MAX_BODY_BYTES:
            return None
        pieces.append(piece)
        if not message.get("more_body"):
            return b"".join(pieces)


async def _answer(send: Send, status: int, body: bytes, content_type: bytes) -> None:
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
