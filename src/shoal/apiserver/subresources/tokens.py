"""The token subresource of ServiceAccounts."""

import msgspec

from shoal.api.meta import timestamp
from shoal.api.resource import JsonObject
from shoal.api.status import Cause, invalid
from shoal.apiserver.bodies import read_as
from shoal.apiserver.core import Core, TokenRequest
from shoal.apiserver.encoding import load
from shoal.apiserver.reading import get_entry
from shoal.apiserver.requests import Target

_MIN_S = 600


class _Body(msgspec.Struct, frozen=True):
    spec: TokenRequest = TokenRequest()


async def create_token(core: Core, target: Target, body: JsonObject) -> JsonObject:
    """Answers a TokenRequest with its status filled in. Nothing is stored."""
    account = load(target.served, get_entry(core, target).value)
    request = read_as(_Body, body).spec
    if request.life_s < _MIN_S:
        cause = Cause(
            "spec.expirationSeconds",
            f"Invalid value: {request.life_s}: may not specify a duration less than 10 minutes",
        )
        raise invalid("authentication.k8s.io", "TokenRequest", target.name, [cause])
    token, expires = core.tokens.issue(account, request)
    return {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": target.name, "namespace": target.namespace},
        "spec": (body.get("spec") or {}) | {"expirationSeconds": request.life_s},
        "status": {"token": token, "expirationTimestamp": timestamp(expires)},
    }
