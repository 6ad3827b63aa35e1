"""The project's own files, as the tests of tidiness and documentation see them."""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).parents[1]
SRC = PROJECT / "src" / "shoal"
TESTS = PROJECT / "tests"


def modules(*roots: Path) -> list[Path]:
    """Python files below the roots; all there are where none is given."""
    roots = roots or (SRC, TESTS, PROJECT / "scripts")
    return sorted(path for root in roots for path in root.rglob("*.py"))


def pages() -> list[Path]:
    """Every page for people."""
    roots = (PROJECT / "docs", PROJECT / "examples")
    return sorted([*PROJECT.glob("*.md"), *(page for root in roots for page in root.rglob("*.md"))])


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def docstring(path: Path) -> str:
    """Of the module; empty where there is none."""
    return ast.get_docstring(parsed(path)) or ""


def place(path: Path, node: ast.AST | int = 1) -> str:
    """`src/shoal/base/clock.py:35`."""
    line = node if isinstance(node, int) else getattr(node, "lineno", 1)
    return f"{path.relative_to(PROJECT)}:{line}"


def calls(path: Path) -> Iterator[tuple[ast.Call, str]]:
    """Each call of `module.function` or `Class.method`, with that name."""
    for node in ast.walk(parsed(path)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=name)):
                yield node, f"{owner}.{name}"
            case _:
                pass


def places_of(pattern: str, paths: Iterable[Path]) -> list[str]:
    """Lines in which the pattern is found."""
    return [
        place(path, number)
        for path in paths
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(pattern, line)
    ]
