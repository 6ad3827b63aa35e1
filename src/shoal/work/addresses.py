"""Where a work source is, in a form that may be shown: URLs hold passwords, and no message, log or
command line may. Pure."""

from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

_SECRET_PARAMETERS = {"password", "sslpassword", "passfile", "username"}
_HIDDEN = "***"


def shown(url: str) -> str:
    """The URL without its password, also in its query."""
    parts = _split(url)
    if parts is None:
        return "(no URL)"
    place = parts.netloc
    if "@" in place:
        user, _, host = place.rpartition("@")
        name, colon, _ = user.partition(":")
        place = f"{name}{colon and ':' + _HIDDEN}@{host}"
    query = urlencode(
        [
            (key, _HIDDEN if key.lower() in _SECRET_PARAMETERS else value)
            for key, value in _query(parts)
        ],
        safe="*/",
    )
    return f"{parts.scheme}://{place}{parts.path}{query and '?' + query}"


def has_password(url: str) -> bool:
    """Whether the URL bears one, so that it must not stand on a command line."""
    return bool(secrets_of(url))


def without_secrets(text: str, url: str) -> str:
    """A message of a driver, on one line, with whatever it quotes of the URL's secrets hidden."""
    for secret in secrets_of(url):
        text = text.replace(secret, _HIDDEN)
    return " ".join(text.split()).rstrip(".")


def secrets_of(url: str) -> list[str]:
    """Passwords of the URL, as they stand there and decoded; the longest first."""
    parts = _split(url)
    if parts is None:
        return []
    user, at, _ = parts.netloc.rpartition("@")
    found = {user.partition(":")[2]} if at else set[str]()
    found |= {
        value for key, value in _query(parts) if key.lower() in _SECRET_PARAMETERS - {"username"}
    }
    found |= {unquote(each) for each in found}
    return sorted((each for each in found if each), key=len, reverse=True)


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _query(parts: SplitResult) -> list[tuple[str, str]]:
    return parse_qsl(parts.query, keep_blank_values=True)
