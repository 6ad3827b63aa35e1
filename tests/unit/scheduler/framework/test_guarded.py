"""The guard stands in for a plugin: it has the plugin's points, no more and no fewer."""

import inspect
from types import SimpleNamespace
from typing import Any

import pytest

from shoal.scheduler.framework import plugin as protocols
from shoal.scheduler.framework.guarded import Guard, guarded
from shoal.scheduler.framework.plugin import Plugin

POINTS = {
    name: found
    for name, found in vars(protocols).items()
    if getattr(found, "_is_runtime_protocol", False)
}


def attributes(protocol: Any) -> set[str]:
    return {
        name
        for each in inspect.getmro(protocol)
        if each.__module__ == protocols.__name__
        for name in vars(each)
        if not name.startswith("_")
    }


@pytest.mark.parametrize("point", POINTS)
def test_a_guarded_plugin_is_at_the_points_of_its_plugin(point: str) -> None:
    bare: Any = SimpleNamespace(**dict.fromkeys(attributes(POINTS[point]), lambda *_: ()))
    bare.name = "Mine"
    stand_in = guarded(bare, Guard())
    of_bare, of_stand_in = (
        {name for name, protocol in POINTS.items() if isinstance(each, protocol)}
        for each in (bare, stand_in)
    )
    assert point in of_stand_in
    assert of_stand_in == of_bare


def test_every_point_is_known() -> None:
    assert len(POINTS) > 15
    assert not isinstance(guarded(SimpleNamespace(name="Mine"), Guard()), tuple(POINTS.values()))
    assert Plugin.__name__ not in POINTS
