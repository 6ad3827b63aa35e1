"""The CEL library, with what Kubernetes adds to the language, imported on first need."""

import sys
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from shoal.apiserver.schema.custom.cel_functions import FUNCTIONS

if TYPE_CHECKING:
    from cel import Context, Program


def compile_expression(text: str) -> "Program":
    """Raises ValueError where the text is not CEL."""
    program: Program = _library().compile(text)
    return program


def context(variables: Mapping[str, Any]) -> "Context":
    library = _library()
    made: Context = library.Context(variables=dict(variables), functions=dict(FUNCTIONS))
    library.stdlib.add_stdlib_to_context(made)
    return made


@cache
def _library() -> ModuleType:
    """`cel` imports its own command line, a terminal toolkit and all, and that takes as long as
    an eighth of a start of the whole server: an empty module stands in for it meanwhile."""
    command_line = "cel.cli"
    sys.modules[command_line] = ModuleType(command_line)
    try:
        import cel
    finally:
        del sys.modules[command_line]
    return cel
