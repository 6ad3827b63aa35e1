"""What the pages and docstrings point to is there."""

import re
from pathlib import Path

import pytest

from shoal.apiserver.builtin import builtin_kinds
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES
from tests.tree import PROJECT, SRC, modules, pages, place

MAX_ADR_LINES = 40
ADR_HEADINGS = ["Summary", "Motivation", "Design", "Drawbacks", "Alternatives"]


def name_of(page: Path) -> str:
    return str(page.relative_to(PROJECT))


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_links_lead_somewhere(page: Path):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, anchor = link.partition("#")
        if path.startswith(("http:", "https:")):
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name_of(page)} links to {link}"
        assert not anchor or anchor in anchors(target), f"{name_of(page)} links to {link}"


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_files_that_a_page_names_are_there(page: Path):
    """Paths are the project's, or the end of one in the package."""
    for path in re.findall(r"`([\w.-]+/[\w./-]*)`", page.read_text()):
        known = (PROJECT / path).exists() or any(SRC.rglob(path.rstrip("/")))
        assert known or not path.endswith((".py", ".sql", "/")), f"{name_of(page)} names {path}"
    if page.name == "ARCHITECTURE.md":
        bare = re.findall(r"`(\w+\.py)`", page.read_text())
        assert [name for name in bare if not any(SRC.rglob(name))] == []


def test_the_map_of_the_large_folders_names_modules_of_theirs():
    page = (PROJECT / "ARCHITECTURE.md").read_text()
    named = re.findall(r"`([\w/]+)`", page.partition("## Inside")[2].partition("\n## ")[0])
    folders = [SRC, SRC / "apiserver", SRC / "agent", SRC / "scheduler"]
    assert [
        name
        for name in named
        if not any((at / name).is_dir() or (at / f"{name}.py").exists() for at in folders)
    ] == []


def test_pages_that_a_docstring_names_are_there():
    named = re.compile(r"\b(docs/[\w/.-]+\.md|tests/[\w/.-]+\.py)\b")
    assert [
        f"{place(path)} {target}"
        for path in modules()
        for target in named.findall(path.read_text())
        if not (PROJECT / target).exists()
    ] == []


def test_the_index_lists_every_page():
    index = (PROJECT / "docs" / "README.md").read_text()
    listed = set(re.findall(r"\]\(([^)\s]+)\)", index))
    docs = PROJECT / "docs"
    written = {str(page.relative_to(docs)) for page in docs.rglob("*.md")} - {"README.md"}
    assert written <= listed


@pytest.mark.parametrize("page", sorted((PROJECT / "docs" / "adr").glob("*.md")), ids=name_of)
def test_a_decision_is_short_and_says_what_it_costs(page: Path):
    text = page.read_text()
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ADR_HEADINGS
    assert text.startswith(f"# {page.name[:4]}: ")
    assert text.count("\n") < MAX_ADR_LINES


def test_the_readme_names_every_kind_and_plugin_that_there_is():
    readme = (PROJECT / "README.md").read_text()
    kinds = {served.resource.kind for served in builtin_kinds()}
    plugins = {plugin.name for profile in DEFAULT_PROFILES for plugin in profile.plugins}
    assert [name for name in kinds | plugins if not re.search(rf"\b{name}\b", readme)] == []
