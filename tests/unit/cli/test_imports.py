"""What the program loads before it does anything: each of these costs every user time."""

import subprocess
import sys

import pytest

HELP = "import sys; sys.argv = ['shoal', '--help']; from shoal.cli.main import main; main()"
UP = "import shoal.standalone.server"

EVER = {"kubernetes", "prometheus_client", "prompt_toolkit"}
SERVER = {"asyncio", "cryptography", "jsonschema_rs", "numpy", "sqlite3", "uvicorn", "yaml"}


def loaded_by(code: str) -> set[str]:
    """The top-level modules that `code` leaves imported when it ends."""
    spy = "import atexit, sys; atexit.register(lambda: print('\\n', *sys.modules, file=sys.stderr))"
    ran = subprocess.run(
        [sys.executable, "-c", f"{spy}; {code}"], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in ran.stderr.splitlines()[-1].split()}


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        pytest.param("import shoal", EVER | SERVER | {"aiohttp", "msgspec", "typer"}, id="package"),
        pytest.param(HELP, EVER | SERVER | {"aiohttp"}, id="help"),
        pytest.param(UP, EVER | {"aiohttp", "rich", "typer"}, id="up"),
    ],
)
def test_nothing_is_imported_that_is_not_needed_at_once(code: str, unwanted: set[str]) -> None:
    assert loaded_by(code) & unwanted == set()


def test_rules_are_compiled_without_the_command_line_of_their_library() -> None:
    compiling = "from shoal.apiserver.schema.custom.cel_engine import compile_expression as c"
    loaded = loaded_by(f"{compiling}; c('1 + 1')")
    assert "cel" in loaded
    assert loaded & {"prompt_toolkit", "rich", "typer"} == set()
