"""Where a work source is, in a form that may be shown: URLs hold passwords, and no message, log or
command line may. Pure.

A URL is read strictly before any driver sees it. What drivers read in other ways than we do (a bare
`@`, `/` or `#` in a password, a URL in quotes, `host=... password=...`) they would quote as host,
port or parameter in their errors, and nobody could tell which part is secret.
Source of the form: libpq 17, "Connection URIs"; redis-py 8, `parse_url`.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

FILE_PREFIX = "sqlite:///"
POSTGRESQL_SCHEMES = ("postgresql", "postgres")
_HIDDEN = "***"
_UNREADABLE = "(unreadable URL)"
_SECRET_WORDS = ("password", "secret", "token", "scram_")
_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[\w.~-]*|%2[Ff](?:[\w.~-]|%2[Ff])*)(?::[0-9]{0,5})?"
"""A name, an address, or the folder of a local socket."""
_PARAMETER = r"[^\s&=#@]+=[^\s&=#@]*"
_URL = re.compile(
    r"(?P<scheme>postgresql|postgres|redis|rediss)://"
    r"(?:[^\s:@/?#\[\]]*(?::(?P<password>[^\s@/?#\[\]]*))?@)?"
    rf"(?P<hosts>{_HOST}(?:,{_HOST})*)"
    r"(?:/[^\s?#@]*)?"
    rf"(?:\?(?P<query>(?:{_PARAMETER}(?:&{_PARAMETER})*)?))?"
)
_BAD_CODE = re.compile(r"%(?:00|(?![0-9A-Fa-f]{2}))")


class SourceAddress(NamedTuple):
    """The parts of the URL of a server that something depends on."""

    scheme: str
    password: str
    """As it stands there."""
    hosts: Sequence[str]
    """Decoded, without ports; an empty one is the driver's usual."""
    raw_parameters: Sequence[tuple[str, str]]

    @property
    def parameters(self) -> Sequence[tuple[str, str]]:
        """Decoded, in their order."""
        return [(unquote(key), unquote(value)) for key, value in self.raw_parameters]


def address_of(url: str) -> SourceAddress | None:
    """None for what is no URL of a server, or one that may be read in another way as well."""
    # What is not printable some drivers drop, and others cannot send.
    is_sound = url.isprintable() and not _BAD_CODE.search(url) and _is_split_alike(url)
    found = _URL.fullmatch(url) if is_sound else None
    if found is None:
        return None
    places = found["hosts"].split(",")
    pairs = (pair.partition("=") for pair in (found["query"] or "").split("&") if pair)
    return SourceAddress(
        found["scheme"],
        found["password"] or "",
        [unquote(re.sub(r":[0-9]*$", "", place)) for place in places],
        [(key, value) for key, _, value in pairs],
    )


def _is_split_alike(url: str) -> bool:
    """Whether nothing in it turns into a separator when its characters are normalized (NFKC)."""
    try:
        urlsplit(url)
    except ValueError:
        return False
    return True


def shown(url: str) -> str:
    """The kind of source and its hosts, or its file: nothing that may be secret."""
    if url.startswith(FILE_PREFIX):
        return url.partition("?")[0]
    address = address_of(url)
    if address is None:
        return _UNREADABLE
    return f"{address.scheme}://{','.join(address.hosts)}"


def has_password(url: str) -> bool:
    """Whether the URL bears one, so that it must not stand on a command line."""
    return bool(secrets_of(url))


def without_secrets(text: str, url: str) -> str:
    """A message of a driver, on one line, with whatever it quotes of the URL's secrets hidden."""
    for secret in secrets_of(url):
        text = text.replace(secret, _HIDDEN)
    return " ".join(text.split()).rstrip(".")


def secrets_of(url: str) -> list[str]:
    """What of the URL is secret, as it stands there and decoded; the longest first."""
    address = address_of(url)
    if address is None:
        return []
    pairs = address.raw_parameters
    keys = [unquote(key).lower() for key, _ in pairs]
    places = (at for at, key in enumerate(keys) if any(word in key for word in _SECRET_WORDS))
    # What follows may be the rest of a password with a bare `&` in it.
    rest = [part for pair in pairs[next(places, len(pairs)) :] for part in pair]
    found = {address.password, *rest[1:]}
    found |= {unquote(each) for each in found}
    return sorted((each for each in found if each), key=len, reverse=True)
