"""How deep objects may be nested: everything that walks them recurses, and so does the encoder,
which stops at 254 levels."""

from typing import Any

MAX_DEPTH = 200


def is_nested_too_deeply(value: Any) -> bool:
    """Whether objects and lists stand in each other for more than `MAX_DEPTH` levels."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [child for item in level for child in _children(item)]
        if not level:
            return False
    return True


def may_be_nested_too_deeply(body: bytes) -> bool:
    """A quick test on JSON text that is False for all usual bodies."""
    return body.count(b"{") + body.count(b"[") > MAX_DEPTH


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
