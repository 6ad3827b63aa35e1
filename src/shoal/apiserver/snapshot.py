"""Lists as they were at a revision: the pages after the first, and `resourceVersionMatch=Exact`.

The store keeps only the present, and recent events with the value before each. Taking the events
after a revision back gives the state at that revision, as long as none has been forgotten.
"""

from collections.abc import Sequence

import msgspec

from shoal.store.protocol import Store


class SnapshotPage(msgspec.Struct, frozen=True):
    items: Sequence[tuple[str, bytes]]
    """Key and value, in key order."""
    revision: int
    remaining: int


def page_now(store: Store, prefix: str, after: str, limit: int) -> SnapshotPage:
    page = store.list(prefix, after=after, limit=limit)
    return SnapshotPage([(e.key, e.value) for e in page.entries], page.revision, page.remaining)


def page_at(store: Store, prefix: str, revision: int, after: str, limit: int) -> SnapshotPage:
    """Raises Compacted where the revision is too old, FutureRevision where it is to come."""
    values_then = _values_before_later_events(store, prefix, revision)
    if not values_then:
        page = page_now(store, prefix, after, limit)
        return SnapshotPage(page.items, revision, page.remaining)
    values = {entry.key: entry.value for entry in store.list(prefix, after=after).entries}
    for key, value in values_then.items():
        if value is None:
            values.pop(key, None)
        elif key > after:
            values[key] = value
    items = sorted(values.items())
    end = limit or len(items)
    return SnapshotPage(items[:end], revision, max(0, len(items) - end))


def _values_before_later_events(
    store: Store, prefix: str, revision: int
) -> dict[str, bytes | None]:
    """What each key changed since then held at the revision; None where it did not exist."""
    values: dict[str, bytes | None] = {}
    watch = store.watch(prefix, after=revision)
    try:
        while (event := watch.next_nowait()) is not None:
            values.setdefault(event.key, event.previous)
    finally:
        watch.close()
    return values
