"""Which source a URL opens, and what is said of those that do not answer."""

from pathlib import Path

import pytest

from shoal.testing.databases import free_port
from shoal.work.locations import own_url
from shoal.work.protocol import QueueSize, SourceUnavailable
from shoal.work.sources import open_source


@pytest.mark.parametrize(
    "url", ["", "mysql://u:geheim@db/x", "sqlite://relative.db", "sqlite:///", "http://[", "orders"]
)
def test_a_url_of_no_known_kind_is_refused_in_a_sentence(url: str) -> None:
    with pytest.raises(SourceUnavailable, match="use sqlite:///") as refusal:
        open_source(url)
    assert "geheim" not in str(refusal.value)


@pytest.mark.parametrize("scheme", ["postgresql", "redis"])
def test_a_server_that_does_not_answer_is_told_without_its_password(scheme: str) -> None:
    source = open_source(f"{scheme}://u:geheim@127.0.0.1:{free_port()}/0")
    with pytest.raises(SourceUnavailable, match="see that it runs") as refusal:
        source.size("a/b")
    assert "geheim" not in str(refusal.value) and "\n" not in str(refusal.value)


def test_the_own_queues_of_a_namespace_are_a_file_that_is_made_when_needed(
    tmp_path: Path,
) -> None:
    source = open_source(own_url(tmp_path / "with space", "team-a"))
    assert source.size("team-a/q") == QueueSize()
    source.close()
    assert (tmp_path / "with space" / "work" / "team-a.db").exists()


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "q.db").write_text("no database at all, but long enough to be read as one" * 99)
    source = open_source(f"sqlite://{tmp_path}/q.db")
    with pytest.raises(SourceUnavailable, match=r"q\.db cannot be used: file is not a database"):
        source.size("a/b")
