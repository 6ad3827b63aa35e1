"""Names that the server makes up."""

import random

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX_LENGTH = 5
_MAX_BASE_LENGTH = 63 - _SUFFIX_LENGTH


def generated_name(base: str, rng: random.Random) -> str:
    """`base` and five letters that spell nothing; 63 characters at most."""
    suffix = "".join(rng.choices(_LETTERS, k=_SUFFIX_LENGTH))
    return base[:_MAX_BASE_LENGTH] + suffix
