"""Plugins named by `module:Class`: what is found, and the sentence for what is not."""

from pathlib import Path
from typing import Any

import pytest

from shoal.scheduler.framework.points import ProfileError
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SUCCESS, Status
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.plugins.in_tree import in_tree_registry
from shoal.scheduler.state.cache import Cache

HERE = __name__
HANDLE = Handle(Cache().snapshot, WaitingPods())


class Whole:
    name = "Whole"

    def filter(self, *_: object) -> Status:
        return SUCCESS


class WithArguments(Whole):
    def __init__(self, arguments: Any, handle: Handle) -> None:
        self.name = arguments["name"]


class Raising(Whole):
    def __init__(self, arguments: Any, handle: Handle) -> None:
        raise ValueError("rack must be a label")


class Pointless:
    name = "Pointless"


class Nameless:
    def filter(self, *_: object) -> Status:
        return SUCCESS


class Half:
    name = "Half"

    def reserve(self, *_: object) -> Status:
        return SUCCESS


class Eager:
    name = "Eager"
    score_reads = "everything"

    def score_rows(self, *_: object) -> None: ...


class Later:
    name = "Later"

    async def filter(self, *_: object) -> Status:
        return SUCCESS


class Normal:
    name = "Normal"

    def pre_score(self, *_: object) -> Status:
        return SUCCESS

    def normalize_scores(self, *_: object) -> None: ...


class Expecting(Whole):
    def events_to_register(self) -> list[str]:
        return ["Node"]


class Outer:
    Inner = Whole


def build(reference: str, arguments: Any = None) -> Any:
    return in_tree_registry().build(reference, arguments, HANDLE)


def test_a_class_is_found_by_its_module_and_messages_call_it_by_its_own_name() -> None:
    assert build(f"{HERE}:Whole").name == "Whole"
    assert build(f"{HERE}:Outer.Inner").name == "Whole"


def test_a_constructor_gets_the_arguments() -> None:
    assert build(f"{HERE}:WithArguments", {"name": "Told"}).name == "Told"


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        (
            "nowhere.rack:Spread",
            'plugin "nowhere.rack:Spread" does not exist: there is no module nowhere; install its '
            "package, or start in the folder that it is in",
        ),
        (
            f"{HERE}:Nobody",
            f'plugin "{HERE}:Nobody" does not exist: module {HERE} has no class Nobody',
        ),
        (f"{HERE}:", f'plugin "{HERE}:" does not exist: module {HERE} has no class '),
        (f"{HERE}:Raising", "rack must be a label"),
        (f"{HERE}:WithArguments", "KeyError: 'name'"),
        (f"{HERE}:Pointless", "it has none of the extension points, such as filter or score"),
        (f"{HERE}:Nameless", 'it has no name; give its class name = "..."'),
        (f"{HERE}:Half", "it has reserve, but no unreserve to go with it"),
        (f"{HERE}:Eager", "it has a score_reads that is no Reads"),
        (f"{HERE}:Later", "it has an async filter; plugins answer at once"),
        (f"{HERE}:Normal", "it has normalize_scores, but no score or score_rows"),
        (
            f"{HERE}:Expecting",
            'plugin "Whole" gave a wrong answer in events_to_register: a str, where '
            "a Registration of a ClusterEvent is due",
        ),
    ],
)
def test_a_class_that_is_no_plugin_is_refused_with_a_sentence(reference: str, text: str) -> None:
    with pytest.raises(ProfileError) as refusal:
        build(reference, {})
    assert str(refusal.value) == text


def test_a_module_that_cannot_be_imported_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "broken_rack.py").write_text("import nowhere_at_all\n")
    with pytest.raises(ProfileError, match="ModuleNotFoundError: No module named 'nowhere_at_all'"):
        build("broken_rack:Spread")
