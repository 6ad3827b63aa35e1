"""Named queries of the SQL file."""

import pytest

from shoal.store.queries import queries, repeated


def test_a_query_is_loaded_by_its_name_without_its_comments() -> None:
    assert queries()["read_meta"] == "select key, value from meta;"


def test_the_row_of_values_is_repeated() -> None:
    assert repeated("drop_objects", 2) == "delete from obj where key in (values (?), (?));"
    assert repeated("append_log", 2).count("(?, ?, ?, ?, ?)") == 2
    assert repeated("put_objects", 3).endswith("create_revision = excluded.create_revision;")


def test_a_query_without_a_row_of_values_cannot_be_repeated() -> None:
    with pytest.raises(ValueError, match="read_meta has no row of values"):
        repeated("read_meta", 2)
