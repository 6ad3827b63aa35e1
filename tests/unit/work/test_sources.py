"""Which source a URL opens, and what is said of those that do not answer."""

from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.testing.databases import free_port
from shoal.work.protocol import QueueLimits, QueueSize, SourceUnavailable
from shoal.work.sources import open_source


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mysql://u:geheim@db/x",
        "sqlite://relative.db",
        "sqlite:///",
        "sqlite:///%00",
        "http://[",
        "orders",
    ],
)
def test_a_url_of_no_known_kind_is_refused_in_a_sentence(url: str) -> None:
    with pytest.raises(SourceUnavailable, match="use sqlite:///") as refusal:
        open_source(url)
    assert "geheim" not in str(refusal.value)


PORT = free_port()
"""Where nobody answers."""
FORMS = [
    "{scheme}://u:{password}@127.0.0.1:{port}/0",
    "{scheme}://{password}@127.0.0.1:{port}",
    "{scheme}://:{password}@127.0.0.1:{port}/0?db={password}",
    "{scheme}://127.0.0.1:{port}/0?password={password}",
    "{scheme}://127.0.0.1:{port}/0?user=u&Password={password}&port=x",
    "'{scheme}://u:{password}@127.0.0.1:{port}/0'",
    " {scheme}://u:{password}@127.0.0.1:{port}/0",
    "{scheme}//u:{password}@127.0.0.1:{port}/0",
    "{scheme}:u:{password}@127.0.0.1",
    "u:{password}@127.0.0.1",
    "host=127.0.0.1 port={port} password={password}",
    "password={password}",
]
SEPARATORS = st.text(st.sampled_from("@/?#&=:;,%[]'\"\\ \t\n+$üa1℀"), max_size=3)


@given(
    form=st.sampled_from(FORMS),
    scheme=st.sampled_from(["postgresql", "redis", "rediss"]),
    inner=SEPARATORS,
    outer=SEPARATORS,
)
@settings(max_examples=150, deadline=None)
def test_no_part_of_a_password_is_told_however_its_url_was_meant(
    form: str, scheme: str, inner: str, outer: str
) -> None:
    password = f"{outer}hunter2{inner}geheim{outer}"
    url = form.format(scheme=scheme, password=password, port=PORT)
    with pytest.raises(SourceUnavailable) as refusal, closing(open_source(url)) as source:
        source.size("a/b")
    assert "hunter2" not in str(refusal.value) and "geheim" not in str(refusal.value)


@pytest.mark.parametrize(
    "url", ["redis://h?foo=1", "redis://h?ssl_keyfile=/k", "rediss://h?retry=1", "redis://h?db=x"]
)
def test_a_parameter_that_redis_cannot_take_is_told(url: str) -> None:
    with pytest.raises(SourceUnavailable, match=r"parameter|value"):
        open_source(url).size("a/b")


@pytest.mark.parametrize("scheme", ["postgresql", "redis"])
def test_a_server_that_does_not_answer_is_told_without_its_password(scheme: str) -> None:
    source = open_source(f"{scheme}://u:geheim@127.0.0.1:{free_port()}/0")
    with pytest.raises(SourceUnavailable, match="see that it runs") as refusal:
        source.size("a/b")
    assert "geheim" not in str(refusal.value) and "\n" not in str(refusal.value)


def test_who_only_looks_makes_neither_file_nor_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "q.db", tmp_path / "no" / "q.db"):
        source = open_source(f"sqlite://{path}")
        assert source.size("a/b") == QueueSize()
        assert source.lease("a/b", holder="x", count=1, limits=QueueLimits()) == []
        assert [source.peek("a/b", 1), source.dead_letters("a/b", 1), source.queues()] == [[]] * 3
        assert (source.ack("a/b", ["1-a"]), source.revive("a/b"), source.purge("a/b")) == ([], 0, 0)
        assert source.renew("a/b", ["1-a"], 1) == source.nack("a/b", ["1-a"], reason="no") == []
    assert list(tmp_path.iterdir()) == []


def test_a_put_makes_no_folder_of_others(tmp_path: Path) -> None:
    source = open_source(f"sqlite://{tmp_path}/no/q.db")
    with pytest.raises(SourceUnavailable, match=r"No such file or directory; .* a folder that is"):
        source.put("a/b", ["x"])
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "q.db").write_text("no database at all, but long enough to be read as one" * 99)
    source = open_source(f"sqlite://{tmp_path}/q.db")
    with pytest.raises(
        SourceUnavailable, match=r"source /\w.*q\.db cannot be used: file is not a database"
    ):
        source.size("a/b")


def test_a_file_is_named_with_one_slash(tmp_path: Path) -> None:
    source = open_source("sqlite:////no/folder/q.db")
    with pytest.raises(SourceUnavailable, match=r"the work source /no/folder/q\.db cannot"):
        source.put("a/b", ["x"])
