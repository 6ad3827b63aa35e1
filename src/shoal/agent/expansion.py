"""`$(VAR)` in commands, arguments and variables.

Source of the rules: Kubernetes v1.36, third_party/forked/golang/expansion: an unknown variable
and an unclosed `$(` stay as they are, `$$` is a dollar sign.
"""

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")


def expand(text: str, variables: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name is None:
            return "$"
        return variables.get(name, match.group(0))

    return _REFERENCE.sub(value, text)
