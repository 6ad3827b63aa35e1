"""The token subresource of ServiceAccounts."""

from shoal.api.meta import timestamp
from shoal.api.resource import JsonObject
from shoal.api.status import Cause, invalid
from shoal.apiserver.core import Core
from shoal.apiserver.encoding import load
from shoal.apiserver.reading import get_entry
from shoal.apiserver.requests import Target

_MIN_S = 600
_DEFAULT_S = 3600


async def create_token(core: Core, target: Target, body: JsonObject) -> JsonObject:
    """Answers a TokenRequest with its status filled in. Nothing is stored."""
    account = load(target.served, get_entry(core, target).value)
    spec: JsonObject = {"expirationSeconds": _DEFAULT_S} | (body.get("spec") or {})
    if spec["expirationSeconds"] < _MIN_S:
        cause = Cause(
            "spec.expirationSeconds",
            f"Invalid value: {spec['expirationSeconds']}: may not specify a duration less than 10"
            " minutes",
        )
        raise invalid("authentication.k8s.io", "TokenRequest", target.name, [cause])
    token, expires = core.tokens.issue(account, spec)
    return {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": target.name, "namespace": target.namespace},
        "spec": spec,
        "status": {"token": token, "expirationTimestamp": timestamp(expires)},
    }
