"""`shoal plugin new`: what it writes works as it is."""

import re
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from shoal.base.clock import SystemClock
from shoal.cli.plugin import app, skeleton
from shoal.scheduler.config.loading import load
from shoal.scheduler.core import build_scheduler
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES
from shoal.standalone.scheduler_plugins import plugin_registry
from shoal.testing import Enabled, Rehearsal, make_node, make_pod
from tests.tree import PROJECT


def new(*words: object) -> str:
    """What the command says, whether it works or not."""
    result = CliRunner().invoke(app, ["new", *map(str, words)])
    return " ".join(result.output.split())


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "rack-spread"
    assert new("rack-spread", "--dir", folder).startswith(f"wrote {folder}: rack_spread.py, ")
    yield folder
    sys.modules.pop("rack_spread", None)


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_what_is_written_passes_its_own_tests_and_every_check(written: Path) -> None:
    tested = run(written, "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly")
    assert "5 passed" in tested.stdout, tested.stdout
    for check in (["check"], ["format", "--check"]):
        checked = run(written, "ruff", *check, "--isolated", "--no-cache", ".")
        assert checked.returncode == 0, checked.stdout
    (written / "pyrightconfig.json").write_text(
        f'{{"typeCheckingMode": "strict", "venvPath": "{PROJECT}", "venv": ".venv"}}'
    )
    typed = run(written, "pyright", ".")
    assert typed.returncode == 0, typed.stdout


def test_its_configuration_makes_a_scheduler_of_the_module_in_the_folder(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(written)
    wanted = load((written / "scheduler.yaml").read_text(), DEFAULT_PROFILES[0].plugins)
    build_scheduler(wanted.profiles, plugin_registry(SystemClock(), timeout_s=1))
    [profile] = wanted.profiles
    assert profile.arguments["rack_spread:RackSpread"] == {"label": "rack-spread/avoid"}


def test_its_entry_point_names_the_class(written: Path) -> None:
    project = tomllib.loads((written / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["shoal.scheduler.plugins"] == {
        "RackSpread": "rack_spread:RackSpread"
    }


def test_the_vectorised_form_that_it_suggests_works() -> None:
    text = skeleton("rack-spread")["rack_spread.py"]
    suggested = re.findall(r"^#     ?(.*)$|^#()$", text.partition("#\n")[2], re.MULTILINE)
    body = "\n".join(line for line, _ in suggested)
    per_node = re.compile(r"    def score\(.*?(?=    def events_to_register)", re.DOTALL)
    module = ModuleType("rack_spread")
    vectorised = per_node.sub(lambda _: textwrap.indent(body, "    ") + "\n\n", text)
    exec(f"from shoal.plugin import IntArray, NodeRows, Reads\n{vectorised}", module.__dict__)
    assert not hasattr(module.RackSpread, "score")
    rehearsal = Rehearsal(Enabled(module.RackSpread, weight=100))
    n1, n2 = (make_node(name).capacity(cpu="4", memory="8Gi") for name in ("n1", "n2"))
    rehearsal.add(n1, n2, make_pod().node("n1"), make_pod("a"))
    rehearsal.run()
    assert rehearsal.node_of("a") == "n2"


def test_nothing_is_written_over(written: Path) -> None:
    assert new("rack-spread", "--dir", written) == (
        f"error: {written}/rack_spread.py exists already; name another folder with --dir"
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Rack", '"Rack" is no name for a plugin: use lower-case words joined by dashes'),
        ("../up", '"../up" is no name for a plugin: use lower-case words joined by dashes'),
        ("json", 'there is a Python module json already; choose another name than "json"'),
        ("class", '"class" is a word of Python itself; choose another name'),
        (
            "default-binder",
            'Shoal has a plugin DefaultBinder already; choose another name than "default-binder"',
        ),
    ],
)
def test_a_name_that_cannot_be_a_module_is_refused(name: str, text: str, tmp_path: Path) -> None:
    assert new(name, "--dir", tmp_path / "out") == f"error: {text}"
    assert not (tmp_path / "out").exists()
