"""Taking bridges down that others take down too."""

import os

import pytest

from shoal.agent.network import bridge


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(bridge, "FOLDER", tmp_path / "run")
    return tmp_path / "run"


def abandoned(folder, name):
    own = folder / name
    own.mkdir(parents=True)
    (own / "owner").write_text(str(folder / "no-such-data"))
    return own


def test_an_abandoned_bridge_that_resists_keeps_nobody_from_the_others(folder, caplog):
    stuck = abandoned(folder, "shb0000001")
    (stuck / "a-folder").mkdir()
    others = [abandoned(folder, f"shb000000{number}") for number in (0, 2)]
    bridge.remove_abandoned("shb9999999")
    assert stuck.exists()
    assert not any(other.exists() for other in others)
    [record] = caplog.records
    assert "shb0000001 of no control plane stays" in record.getMessage()


def test_a_bridge_whose_owner_is_not_noted_yet_is_left_alone(folder):
    begun = folder / "shb0000001"
    begun.mkdir(parents=True)
    bridge.remove_abandoned("shb9999999")
    assert begun.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="removing a link needs root")
def test_a_link_that_somebody_else_has_just_removed_is_gone(folder, monkeypatch):
    own = abandoned(folder, "shb0000001")
    monkeypatch.setattr(bridge, "link_index", lambda name: 2**30)
    bridge.take_down("shb0000001")
    assert not own.exists()
    bridge.take_down("shb0000001")
