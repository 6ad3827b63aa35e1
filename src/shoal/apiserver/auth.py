"""Who asks: bearer tokens of the administrator and of ServiceAccounts.

ServiceAccount tokens are JSON Web Tokens signed with HS256 by a key that never leaves the data
directory. Their claims are those of Kubernetes, so that clients can read them.
"""

import base64
import binascii
import hashlib
import hmac
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import orjson

from shoal.api.resource import JsonObject
from shoal.apiserver.core import TokenRequest
from shoal.apiserver.exchange import ADMIN, User
from shoal.base.clock import Clock

ISSUER = "https://kubernetes.default.svc"
_HEADER = {"alg": "HS256", "typ": "JWT"}
_MIN_KEY_BYTES = 32
_BOUND_KINDS = {"Pod", "Secret", "Node"}


class _Subject(msgspec.Struct):
    name: str
    uid: str = ""


class _Kubernetes(msgspec.Struct, rename={"service_account": "serviceaccount"}):
    namespace: str
    service_account: _Subject


class _Claims(msgspec.Struct, rename={"kubernetes": "kubernetes.io"}):
    exp: int
    kubernetes: _Kubernetes


class ServiceAccountTokens:
    """Issues tokens, and recognises its own."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        """`key`: at least 32 secret bytes."""
        if len(key) < _MIN_KEY_BYTES:
            raise ValueError(f"the signing key needs {_MIN_KEY_BYTES} bytes, it has {len(key)}")
        self._key = key
        self._clock = clock

    def issue(self, account: JsonObject, request: TokenRequest) -> tuple[str, datetime]:
        """Implements `core.TokenIssuer`."""
        now = self._clock.now()
        expires = now + timedelta(seconds=request.life_s)
        metadata: JsonObject = account["metadata"]
        subject: JsonObject = {"name": metadata["name"], "uid": metadata["uid"]}
        kubernetes: JsonObject = {"namespace": metadata["namespace"], "serviceaccount": subject}
        bound = request.bound_object_ref
        if bound is not None and bound.kind in _BOUND_KINDS:
            kubernetes[bound.kind.lower()] = {"name": bound.name, "uid": bound.uid}
        claims = {
            "aud": request.audiences or [ISSUER],
            "exp": int(expires.timestamp()),
            "iat": int(now.timestamp()),
            "iss": ISSUER,
            "jti": str(uuid.uuid4()),
            "kubernetes.io": kubernetes,
            "nbf": int(now.timestamp()),
            "sub": f"system:serviceaccount:{metadata['namespace']}:{metadata['name']}",
        }
        signed = f"{_encode(_HEADER)}.{_encode(claims)}"
        return f"{signed}.{self._signature(signed)}", expires.astimezone(UTC)

    def user_of(self, token: str) -> User | None:
        """None for a token that is not ours, or has expired."""
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(signed).encode()):
            return None
        try:
            payload = signed.partition(".")[2]
            raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
            claims = msgspec.json.decode(raw, type=_Claims)
        except (binascii.Error, msgspec.DecodeError):
            return None
        if claims.exp <= self._clock.now().timestamp():
            return None
        namespace, account = claims.kubernetes.namespace, claims.kubernetes.service_account
        return User(
            f"system:serviceaccount:{namespace}:{account.name}",
            account.uid,
            (
                "system:serviceaccounts",
                f"system:serviceaccounts:{namespace}",
                "system:authenticated",
            ),
        )

    def _signature(self, signed: str) -> str:
        digest = hmac.new(self._key, signed.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _encode(part: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(part)).decode().rstrip("=")


class Authenticator:
    """From an Authorization header to a user."""

    def __init__(self, admin_token: str, tokens: ServiceAccountTokens) -> None:
        self._admin_token = admin_token.encode()
        self._tokens = tokens

    def user_of(self, authorization: str) -> User | None:
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            return None
        if hmac.compare_digest(token.encode(), self._admin_token):
            return ADMIN
        return self._tokens.user_of(token)
