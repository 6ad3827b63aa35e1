"""`shoal plugin`: start a scheduler plugin of one's own.

The skeleton is a folder of templates beside this module; what they write works as it is, and its
tests pass.
"""

import keyword
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from shoal.cli.output import fail

app = typer.Typer(help="Write scheduler plugins.", no_args_is_help=True)

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@app.callback()
def plugin() -> None:
    """Write scheduler plugins."""


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Such as rack-spread; the class is RackSpread.")],
    dir: Annotated[
        Path | None, typer.Option(help="Folder to write to; the name if left out.")
    ] = None,
) -> None:
    """Write a working plugin with its test, configuration and README."""
    module = name.replace("-", "_")
    if not _NAME.fullmatch(name):
        fail(f'"{name}" is no name for a plugin: use lower-case words joined by dashes')
    if keyword.iskeyword(module):
        fail(f'"{name}" is a word of Python itself; choose another name')
    if taken := _of_shoal(class_name(name)):
        fail(f'Shoal has a plugin {taken} already; choose another name than "{name}"')
    if find_spec(module) is not None:
        fail(f'there is a Python module {module} already; choose another name than "{name}"')
    folder = dir or Path(name)
    written = skeleton(name)
    for each in written:
        if (folder / each).exists():
            fail(f"{folder / each} exists already; name another folder with --dir")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for each, text in written.items():
            (folder / each).write_text(text)
    except OSError as error:
        fail(f"cannot write to {folder}: {error.strerror}")
    typer.echo(f"wrote {folder}: {', '.join(written)}")
    typer.echo(f"next: cd {folder} && pytest && cat README.md")


def class_name(name: str) -> str:
    """`RackSpread` for `rack-spread`."""
    return "".join(word.capitalize() for word in name.split("-"))


def _of_shoal(name: str) -> str | None:
    """The in-tree plugin that is called so, in any case of letters."""
    from shoal.scheduler.plugins.in_tree import in_tree_registry

    return next((each for each in in_tree_registry().names() if each.lower() == name.lower()), None)


def skeleton(name: str) -> Mapping[str, str]:
    """The files of a new plugin, by file name."""
    module = name.replace("-", "_")
    words = {
        "name": name,
        "module": module,
        "class_name": class_name(name),
    }
    from importlib.resources import files

    templates = files("shoal.cli") / "plugin_skeleton"

    def filled(template: str) -> str:
        return Template((templates / f"{template}.tmpl").read_text()).substitute(words)

    return {
        f"{module}.py": filled("module.py"),
        f"test_{module}.py": filled("test.py"),
        "scheduler.yaml": filled("scheduler.yaml"),
        "pyproject.toml": filled("pyproject.toml"),
        "README.md": filled("README.md"),
    }
