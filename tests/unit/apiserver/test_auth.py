"""Tokens: whose they are, and when they are nobody's."""

from datetime import timedelta

import pytest

from shoal.apiserver.auth import Authenticator, ServiceAccountTokens
from shoal.apiserver.core import BoundObject, TokenRequest
from shoal.apiserver.exchange import ADMIN
from shoal.base.clock import VirtualClock

ACCOUNT = {"metadata": {"name": "robot", "namespace": "team", "uid": "u1"}}


def tokens(clock: VirtualClock, key: bytes = b"k" * 32) -> ServiceAccountTokens:
    return ServiceAccountTokens(key, clock)


async def test_an_issued_token_is_its_accounts_until_it_expires():
    clock = VirtualClock()
    issuer = tokens(clock)
    request = TokenRequest(expiration_seconds=600, bound_object_ref=BoundObject("Pod", "web", "u2"))
    token, expires = issuer.issue(ACCOUNT, request)
    assert expires == clock.now() + timedelta(seconds=600)
    user = issuer.user_of(token)
    assert user is not None
    assert (user.name, user.uid) == ("system:serviceaccount:team:robot", "u1")
    await clock.advance(600)
    assert issuer.user_of(token) is None


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "..", "é.é.é"])
def test_other_texts_are_nobodys(token: str):
    assert tokens(VirtualClock()).user_of(token) is None


def test_a_token_of_another_key_or_with_changed_claims_is_nobodys():
    clock = VirtualClock()
    issuer = tokens(clock)
    token, _ = issuer.issue(ACCOUNT, TokenRequest())
    assert tokens(clock, b"x" * 32).user_of(token) is None
    head, claims, signature = token.split(".")
    other, _ = issuer.issue(ACCOUNT, TokenRequest(expiration_seconds=99999))
    assert issuer.user_of(f"{head}.{other.split('.')[1]}.{signature}") is None
    assert issuer.user_of(f"{head}.{claims}.") is None


def test_the_administrators_token_is_compared_as_a_whole():
    authenticator = Authenticator("secret", tokens(VirtualClock()))
    assert authenticator.user_of("Bearer secret") == ADMIN
    assert authenticator.user_of("bearer  secret ") == ADMIN
    for header in ("", "Bearer", "Bearer secre", "Bearer secrets", "Basic secret", "secret"):
        assert authenticator.user_of(header) is None


def test_a_short_key_is_refused():
    with pytest.raises(ValueError, match="needs 32 bytes"):
        ServiceAccountTokens(b"short", VirtualClock())
