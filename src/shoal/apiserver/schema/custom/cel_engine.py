"""The CEL library, with what Kubernetes adds to the language.

It is imported on first need: its package brings a command line along, which takes longer to
import than the whole server.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shoal.apiserver.schema.custom.cel_functions import FUNCTIONS

if TYPE_CHECKING:
    from cel import Context, Program


def compile_expression(text: str) -> "Program":
    """Raises ValueError where the text is not CEL."""
    import cel

    return cel.compile(text)


def context(variables: Mapping[str, Any]) -> "Context":
    from cel import Context
    from cel.stdlib import add_stdlib_to_context

    made = Context(variables=dict(variables), functions=dict(FUNCTIONS))
    add_stdlib_to_context(made)
    return made
