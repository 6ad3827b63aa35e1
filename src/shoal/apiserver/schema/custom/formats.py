"""String formats of schemas that JSON Schema does not know, or knows otherwise.

Source: k8s.io/kube-openapi/pkg/validation/strfmt, as used by Kubernetes v1.36. Formats that
neither knows are ignored.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from datetime import date, datetime

from shoal.apiserver.schema.addresses import is_address, is_network

_DURATION = re.compile(r"[+-]?((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+|0", re.ASCII)
_LONG_DURATION = re.compile(
    r"\d+\s*(nanos?|micros?|millis?|seconds?|minutes?|hours?|days?|weeks?|[dw])", re.ASCII
)
_MAC = re.compile(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5,7}")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _is_duration(text: str) -> bool:
    return bool(_DURATION.fullmatch(text) or _LONG_DURATION.fullmatch(text))


def _is_date_time(text: str) -> bool:
    return bool(_DATE_TIME.fullmatch(text)) and _parses(datetime.fromisoformat, text.upper())


def _is_date(text: str) -> bool:
    return len(text) == 10 and _parses(date.fromisoformat, text)


def _is_base64(text: str) -> bool:
    try:
        b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return False
    return True


def _is_mac(text: str) -> bool:
    return bool(_MAC.fullmatch(text))


def _is_anything(text: str) -> bool:
    return True


def _parses(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


FORMATS: Mapping[str, Callable[[str], bool]] = {
    "byte": _is_base64,
    "cidr": is_network,
    "date": _is_date,
    "date-time": _is_date_time,
    "datetime": _is_date_time,
    "duration": _is_duration,
    "ip": is_address,
    "mac": _is_mac,
    "password": _is_anything,
    "regex": _is_anything,
    "time": _is_anything,
    "uri": _is_anything,
}
