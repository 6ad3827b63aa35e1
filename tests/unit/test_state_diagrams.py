"""The drawings in docs/states/ and the tables in the code say the same.

A page names its module; each arrow carries the events that lead along it, with remarks in
parentheses. `[*]` leads to the states that begin, and comes from those that have no way out.
"""

import importlib
import re
from pathlib import Path

import pytest

from tests.transitions import transitions

PROJECT = Path(__file__).parents[2]
PAGES = sorted((PROJECT / "docs" / "states").glob("*.md"))
ARROW = re.compile(r"^ {4}(\S+) --> ([^\s:]+)(?:: (.+))?$", re.MULTILINE)
MODULE = re.compile(r"`next_state` in\s+`src/([\w/]+)\.py`")


def words(text: str) -> str:
    """`InFlight`, `in-flight` and `in flight` are one name."""
    return re.sub(r"[^a-z]", "", text.lower())


def arrows(page: Path) -> list[tuple[str, str, str]]:
    """(from, event, to), an event each."""
    found: list[tuple[str, str, str]] = []
    for source, target, label in ARROW.findall(page.read_text()):
        events = re.sub(r"\(.*?\)", "", label).split(",")
        found += [(words(source), words(event), words(target)) for event in events]
    return found


def module_of(page: Path) -> str:
    named = MODULE.search(page.read_text())
    assert named, f"{page.name} does not say where its next_state is"
    return named[1].replace("/", ".")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_drawing_shows_every_row_of_its_table_and_no_other(page: Path):
    rows = transitions(importlib.import_module(module_of(page)).next_state)
    drawn = [arrow for arrow in arrows(page) if "" not in (arrow[0], arrow[2])]
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == {
        (words(state), words(event), words(after)) for (state, event), after in rows.items()
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_ends_in_a_drawing_has_no_way_out(page: Path):
    ends = {source for source, _, target in arrows(page) if not target}
    ways_out = {source for source, _, target in arrows(page) if target}
    assert not ends & ways_out


def test_every_state_machine_is_drawn():
    machines = {
        ".".join(path.relative_to(PROJECT / "src").with_suffix("").parts)
        for path in (PROJECT / "src").rglob("*.py")
        if "\ndef next_state(" in path.read_text()
    }
    assert machines == {module_of(page) for page in PAGES}
