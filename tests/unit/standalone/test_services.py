"""Which parts run beside the API server."""

from pathlib import Path

import pytest

from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.plugins.in_tree import in_tree_registry
from shoal.scheduler.plugins.node_name import NodeName
from shoal.scheduler.state.cache import Cache
from shoal.standalone.services import installed_plugins


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
    registry = in_tree_registry()
    registry.register_entry_points(installed_plugins)
    plugin = registry.build("Theirs", {}, Handle(Cache().snapshot, WaitingPods()))
    assert isinstance(plugin, NodeName)
