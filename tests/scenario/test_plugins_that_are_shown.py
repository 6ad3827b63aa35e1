"""The plugins that pages and examples show work as they stand there."""

import os
import re
import subprocess
import sys
from types import ModuleType

from shoal.testing import Rehearsal, make_node, make_pod
from tests.tree import PROJECT

EXAMPLE = PROJECT / "examples" / "plugin"
PAGE = (PROJECT / "docs" / "howto" / "write-a-plugin.md").read_text()
BLOCKS = re.findall(r"^```python\n(.+?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def shown(name: str) -> ModuleType:
    """The block of the page that has this class."""
    [block] = [each for each in BLOCKS if f"class {name}:" in each]
    module = ModuleType(name)
    exec(block, module.__dict__)
    return module


def rehearse(name: str) -> Rehearsal:
    rehearsal = Rehearsal(getattr(shown(name), name))
    rehearsal.add(make_node("n").capacity(cpu="4", memory="1000"))
    return rehearsal


def test_the_example_passes_its_own_tests() -> None:
    # Without the project's own configuration: whoever copies the folder has none of it.
    words = ["-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", "."]
    command = [sys.executable, "-m", "pytest", *words, "-o", "pythonpath=.", "."]
    ran = subprocess.run(command, cwd=EXAMPLE, capture_output=True, text=True, check=False)
    assert "6 passed" in ran.stdout, ran.stdout + ran.stderr


def test_a_hint_wakes_a_pod_for_a_node_that_will_do() -> None:
    rehearsal = rehearse("NeedsSsd")
    rehearsal.add(make_pod("a"))
    rehearsal.run()
    rehearsal.add(make_node("hdd").capacity(cpu="4").labels(disk="hdd"))
    rehearsal.advance(20)
    [told] = rehearsal.events_of("a")
    assert told.startswith("0/1 nodes are available: 1 node(s) had no SSD.")
    rehearsal.add(make_node("ssd").capacity(cpu="4").labels(disk="ssd"))
    rehearsal.advance(20)
    assert rehearsal.node_of("a") == "ssd"


def test_data_goes_from_pre_filter_to_score() -> None:
    rehearsal = rehearse("TeamNodes")
    rehearsal.add(make_node("ours").capacity(cpu="4", memory="1000").labels(team="a"))
    rehearsal.add(make_pod("a").labels(team="a"))
    rehearsal.run()
    assert rehearsal.node_of("a") == "ours"


def test_rows_are_filtered_in_one_call() -> None:
    rehearsal = rehearse("KeepMemoryFree")
    rehearsal.add(make_pod("large").req(memory="901"))
    rehearsal.run()
    assert "1 node(s) had to keep memory free." in rehearsal.message_of("large")
    rehearsal.add(make_pod("small").req(memory="900"))
    rehearsal.run()
    assert rehearsal.node_of("small") == "n"
    rehearsal.delete(make_pod("small"), make_pod("large"))
    rehearsal.add(make_pod("urgent").req(memory="901").priority(1000))
    rehearsal.run()
    assert rehearsal.node_of("urgent") == "n"


def test_pods_wait_for_each_other() -> None:
    rehearsal = rehearse("InPairs")
    rehearsal.add(make_pod("a"))
    rehearsal.run()
    assert rehearsal.node_of("a") is None
    rehearsal.add(make_pod("b"))
    rehearsal.run()
    assert [rehearsal.node_of(pod) for pod in "ab"] == ["n", "n"]


def test_the_test_that_is_shown_passes() -> None:
    shown("Shy").test_it_keeps_away_from_others()
