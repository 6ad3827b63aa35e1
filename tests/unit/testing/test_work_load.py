"""The measurement of work queues goes through every item, in bounded memory."""

import pytest

from shoal.testing.work_load import SourceKind, measure


def test_every_item_that_is_put_is_done() -> None:
    measured = measure(SourceKind.SQLITE, 2_000, workers=2, group=16, report=lambda _: None)
    assert (measured.done, measured.group) == (2_000, 16)
    assert min(measured.put_per_s, measured.done_per_s, measured.rss_mb, measured.file_mb) > 0


@pytest.mark.soak
def test_a_million_items_take_no_more_memory_than_a_few() -> None:
    few = measure(SourceKind.SQLITE, 10_000, workers=8, group=64, report=lambda _: None)
    many = measure(SourceKind.SQLITE, 1_000_000, workers=8, group=64, report=lambda _: None)
    assert many.done == 1_000_000
    assert many.rss_mb < few.rss_mb + 20
