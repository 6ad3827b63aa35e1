"""The rules of CONTRIBUTING.md that a program can check.

Each test lists the places that break its rule; an empty list is a tidy tree.
"""

import ast
import configparser
import re
from collections import Counter
from pathlib import Path

from tests.tree import (
    PROJECT,
    SRC,
    TESTS,
    calls,
    docstring,
    modules,
    pages,
    parsed,
    place,
    places_of,
)

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 70
MAX_SLEEP_S = 0.5
MIN_PROSE_WORDS = 5

VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
# Put together here, or this file would break its own rules.
MARKERS = r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b"
MACHINE_PATHS = r"(?<![\w}>.])/(?:wo" r"rk|ro" r"ot|ho" r"me)/\w"

CLOCKS = {
    "date.today",
    "datetime.now",
    "datetime.today",
    "datetime.utcnow",
    "time.monotonic",
    "time.time",
}
# A shim and the loop in a user's container are programs without an event loop or a clock.
WITHOUT_CLOCK = (
    "agent/runtime/shim/",
    "executor/task_loop.py",
    "executor/simple_logger.py",
)

# Two sides of one thing: the kind and what a user's loop gets of it; the field of a pod and the
# plugin that reads it; what each pure core is told, and has told to people; what two systems both
# call the same in their API.
SHARED_NAMES = {
    "CronJob",
    "CronJobSpec",
    "CronJobStatus",
    "Job",
    "JobSpec",
    "JobStatus",
    "NodeAffinity",
    "RecordEvent",
    "Task",
    "TaskSpec",
    "Tick",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_files_are_read_in_one_sitting():
    lengths = {path: path.read_text().count("\n") for path in modules()}
    assert [
        place(path, length) for path, length in lengths.items() if length > MAX_FILE_LINES
    ] == []


def test_functions_fit_a_screen():
    assert [
        f"{place(path, node)} {node.name}"
        for path in modules()
        for node in ast.walk(parsed(path))
        if isinstance(node, Function) and length_of(node) > MAX_FUNCTION_LINES
    ] == []


def length_of(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_modules_are_named_after_what_they_hold():
    names = {path: {*path.stem.split("_"), path.parent.name} for path in modules()}
    assert [place(path) for path, words in names.items() if words & VAGUE_NAMES] == []


def test_every_package_opens_with_its_charter():
    packages = {path.parent / "__init__.py" for path in modules(SRC)}
    charter = re.compile(r"Belongs here: .+Must not: .+", re.DOTALL)
    assert [
        place(path) for path in packages if not path.exists() or not charter.search(docstring(path))
    ] == []


def test_every_module_opens_with_prose():
    assert [
        place(path) for path in modules() if len(docstring(path).split()) < MIN_PROSE_WORDS
    ] == []


def test_a_class_among_others_says_what_it_is():
    """The docstring of a module with one public class is that class's."""
    silent: list[str] = []
    for path in modules(SRC):
        classes = [node for node in parsed(path).body if isinstance(node, ast.ClassDef)]
        public = [each for each in classes if not each.name.startswith("_")]
        silent += [
            f"{place(path, each)} {each.name}"
            for each in public
            if len(public) > 1 and behaves(each) and not ast.get_docstring(each)
        ]
    assert silent == []


def test_a_class_name_stands_once():
    names: Counter[str] = Counter(
        node.name
        for path in modules(SRC)
        for node in parsed(path).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert {name for name, count in names.items() if count > 1} <= SHARED_NAMES


def behaves(node: ast.ClassDef) -> bool:
    """Whether it has public methods: plain data may speak for itself."""
    return any(isinstance(each, Function) and each.name[0] != "_" for each in node.body)


def test_nothing_is_left_to_do():
    assert places_of(MARKERS, modules() + pages()) == []


def test_no_file_knows_the_machine_it_was_written_on():
    others = [PROJECT / "Makefile", PROJECT / "pyproject.toml"]
    examples = [path for path in (PROJECT / "examples").rglob("*") if path.is_file()]
    assert places_of(MACHINE_PATHS, modules() + pages() + others + examples) == []


def test_only_clocks_read_the_time():
    assert [
        f"{place(path, node)} {name}"
        for path in modules(SRC)
        if not path.relative_to(SRC).as_posix().startswith(("base/clock.py", *WITHOUT_CLOCK))
        for node, name in calls(path)
        if name in CLOCKS
    ] == []


def test_chance_comes_from_a_generator_that_was_given():
    assert [
        f"{place(path, node)} {name}"
        for path in modules(SRC)
        for node, name in calls(path)
        if name.startswith("random.") and name not in {"random.Random", "random.SystemRandom"}
    ] == []


def test_what_may_be_anything_is_caught_in_base_only_or_raised_again():
    broad = {None, "Exception", "BaseException"}
    assert [
        place(path, node)
        for path in modules()
        if SRC / "base" not in path.parents
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type and ast.unparse(node.type)) in broad
        and not isinstance(node.body[-1], ast.Raise)
    ] == []


def test_tests_wait_for_conditions_and_do_not_sleep():
    assert [
        place(path, node)
        for path in modules(TESTS)
        for node, name in calls(path)
        if name in {"asyncio.sleep", "time.sleep"}
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value > MAX_SLEEP_S
    ] == []


def test_our_own_code_is_never_mocked():
    assert [
        place(path, node)
        for path in modules(TESTS)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Import | ast.ImportFrom) and "mock" in ast.unparse(node)
    ] == []


def test_unit_tests_mirror_the_package():
    unit = PROJECT / "tests" / "unit"
    folders = {path.parent.relative_to(unit) for path in unit.rglob("test_*.py")}
    assert [str(folder) for folder in folders if not (SRC / folder).is_dir()] == []


def test_every_folder_has_its_layer():
    contracts = configparser.ConfigParser()
    contracts.read(PROJECT / ".importlinter")
    layered = [section for section in contracts.values() if section.get("type") == "layers"]
    assert {section["containers"] for section in layered} >= {"shoal", "shoal.scheduler"}
    for section in layered:
        folder = SRC.parent.joinpath(*section["containers"].split("."))
        names = set(re.split(r"[\s|]+", section["layers"].strip()))
        assert section["exhaustive"] == "true"
        assert names == modules_in(folder)


def modules_in(folder: Path) -> set[str]:
    return {
        each.stem
        for each in folder.iterdir()
        if (each / "__init__.py").exists() or (each.suffix == ".py" and each.stem != "__init__")
    }
