"""Tokens of leases: the item's id and a number that no other lease of it has. Pure, but for the
drawing of that number."""

import re
import secrets
from collections.abc import Iterable

_ID = re.compile(r"[0-9]{1,18}")


def new_nonce() -> str:
    """For the items of one lease call; 64 random bits in hexadecimal."""
    return secrets.token_hex(8)


def token_of(id: int, nonce: str) -> str:
    return f"{id}-{nonce}"


def parts_of(tokens: Iterable[str]) -> list[tuple[int, str]]:
    """Ids and nonces; what is no token is held by nobody, and left out."""
    parts = (token.partition("-") for token in tokens)
    return [(int(head), nonce) for head, _, nonce in parts if _ID.fullmatch(head)]
