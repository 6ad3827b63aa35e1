"""Plugins of a running scheduler: found in packages and in the folder, and called within a time."""

import sys
from pathlib import Path

import pytest

from shoal.base.clock import SystemClock
from shoal.base.guard import Failed, attempt
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.state.cache import Cache
from shoal.standalone.scheduler_plugins import plugin_registry

HANDLE = Handle(Cache().snapshot, WaitingPods())
ENDLESS = """
class Endless:
    name = "Endless"

    def permit(self, state, pod, node_name):
        while True:
            pass
"""


def test_plugins_of_installed_packages_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "theirs-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(
        "[shoal.scheduler.plugins]\nTheirs = shoal.scheduler.plugins.node_name:NodeName\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    plugin = plugin_registry(SystemClock(), 1.0).build("Theirs", {}, HANDLE)
    assert plugin.name == "NodeName"


def test_a_module_of_the_current_folder_is_found_and_its_calls_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "endless_plugin.py").write_text(ENDLESS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    plugin = plugin_registry(SystemClock(), 0.02).build("endless_plugin:Endless", {}, HANDLE)
    answer = attempt(plugin.permit, None, None, "n")  # type: ignore[attr-defined]
    assert isinstance(answer, Failed)
    assert answer.text == 'plugin "Endless" took longer than 0.02s in Permit'
