"""Rules for names and other short texts. A rule gives what is wrong, in the server's words.

Source: Kubernetes v1.36, apimachinery/pkg/util/validation.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

NameRule = Callable[[str], Sequence[str]]

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_LABEL_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = f"({_QUALIFIED})?"
_CONFIG_KEY = "[-._a-zA-Z0-9]+"

LABEL_BYTES_MAX = 63
SUBDOMAIN_BYTES_MAX = 253
PORT_NAME_BYTES_MAX = 15

_QUALIFIED_TEXT = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character"
)


def regex_text(message: str, pattern: str, *examples: str) -> str:
    """A rule with examples and its pattern, as the server writes them."""
    listed = " or ".join(f"'{example}', " for example in examples)
    return f"{message} (e.g. {listed}regex used for validation is '{pattern}')"


def too_long_text(limit_bytes: int) -> str:
    return f"must be no more than {limit_bytes} bytes"


def _rule(pattern: str, limit_bytes: int, text: str) -> NameRule:
    compiled = re.compile(pattern)

    @lru_cache(maxsize=4096)
    def check(value: str) -> Sequence[str]:
        found: list[str] = []
        if len(value) > limit_bytes:
            found.append(too_long_text(limit_bytes))
        if not compiled.fullmatch(value):
            found.append(text)
        return tuple(found)

    return check


dns_label = _rule(
    _LABEL,
    LABEL_BYTES_MAX,
    regex_text(
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
        "and must start and end with an alphanumeric character",
        _LABEL,
        "my-name",
        "123-abc",
    ),
)
dns_subdomain = _rule(
    _SUBDOMAIN,
    SUBDOMAIN_BYTES_MAX,
    regex_text(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, "
        "'-' or '.', and must start and end with an alphanumeric character",
        _SUBDOMAIN,
        "example.com",
    ),
)
dns_1035_label = _rule(
    _LABEL_1035,
    LABEL_BYTES_MAX,
    regex_text(
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with "
        "an alphabetic character, and end with an alphanumeric character",
        _LABEL_1035,
        "my-name",
        "abc-123",
    ),
)
label_value = _rule(
    _LABEL_VALUE,
    LABEL_BYTES_MAX,
    regex_text(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' "
        "or '.', and must start and end with an alphanumeric character",
        _LABEL_VALUE,
        "MyValue",
        "my_value",
        "12345",
    ),
)
env_var_name = _rule(
    "[ -<>-~]+",
    1 << 30,
    "a valid environment variable name must consist only of printable ASCII characters other "
    "than '='",
)
_name_part = _rule(
    _QUALIFIED,
    LABEL_BYTES_MAX,
    regex_text(_QUALIFIED_TEXT, _QUALIFIED, "MyName", "my.name", "123-abc"),
)
_config_key = _rule(
    _CONFIG_KEY,
    SUBDOMAIN_BYTES_MAX,
    regex_text(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        _CONFIG_KEY,
        "key.name",
        "KEY_NAME",
        "key-name",
    ),
)


@lru_cache(maxsize=4096)
def qualified_name(value: str) -> Sequence[str]:
    """`name`, or `prefix/name` with a DNS subdomain as prefix: keys of labels and the like."""
    prefix, slash, name = value.rpartition("/")
    found: list[str] = []
    if "/" in prefix:
        text = regex_text(_QUALIFIED_TEXT, _QUALIFIED, "MyName", "my.name", "123-abc")
        return (
            f"a qualified name {text} with an optional DNS subdomain prefix and '/' "
            "(e.g. 'example.com/MyName')",
        )
    if slash and not prefix:
        found.append("prefix part must be non-empty")
    elif slash:
        found += [f"prefix part {text}" for text in dns_subdomain(prefix)]
    if not name:
        found.append("name part must be non-empty")
    found += [f"name part {text}" for text in _name_part(name)]
    return tuple(found)


def config_key(value: str) -> Sequence[str]:
    """Keys of ConfigMaps and Secrets: they become file names."""
    found = list(_config_key(value))
    if value in (".", ".."):
        found.append(f"must not be '{value}'")
    elif value.startswith(".."):
        found.append("must not start with '..'")
    return found


@lru_cache(maxsize=1024)
def port_name(value: str) -> Sequence[str]:
    """IANA service names."""
    found: list[str] = []
    if len(value) > PORT_NAME_BYTES_MAX:
        found.append(too_long_text(PORT_NAME_BYTES_MAX))
    if not re.fullmatch("[-a-z0-9]+", value):
        found.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", value):
        found.append("must contain at least one letter (a-z)")
    if "--" in value:
        found.append("must not contain consecutive hyphens")
    if value and (value[0] == "-" or value[-1] == "-"):
        found.append("must not begin or end with a hyphen")
    return tuple(found)


def port_number(value: int) -> Sequence[str]:
    return () if 1 <= value <= 65535 else ("must be between 1 and 65535, inclusive",)
