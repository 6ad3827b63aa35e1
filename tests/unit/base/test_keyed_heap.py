"""A heap by key against a sorted list."""

from dataclasses import dataclass
from weakref import WeakSet

from hypothesis import given
from hypothesis import strategies as st

from shoal.base.keyed_heap import KeyedHeap

STEPS = st.lists(
    st.tuples(st.sampled_from(["push", "pop", "remove"]), st.integers(0, 9), st.integers(0, 3))
)


@given(STEPS)
def test_a_heap_gives_what_a_sorted_list_would(steps: list[tuple[str, int, int]]) -> None:
    heap: KeyedHeap[int, str] = KeyedHeap()
    model: dict[int, tuple[int, int, str]] = {}
    for number, (step, key, order) in enumerate(steps):
        if step == "push":
            heap.push(key, order, f"value {number}")
            model[key] = (order, number, f"value {number}")
        elif step == "remove":
            removed = model.pop(key, None)
            assert heap.remove(key) == (removed and removed[2])
        elif model:
            first = min(model, key=lambda k: model[k])
            assert heap.peek() == heap.pop() == model.pop(first)[2]
        assert len(heap) == len(model)
        assert sorted(heap) == sorted(value for _, _, value in model.values())
    assert all((key in heap) == (key in model) for key in range(10))


def test_removed_entries_do_not_pile_up() -> None:
    heap: KeyedHeap[int, int] = KeyedHeap()
    for key in range(10_000):
        heap.push(key, key, key)
        heap.remove(key)
    assert len(heap) == 0
    assert heap.peek() is None


@dataclass(frozen=True, order=True)
class Order:
    number: int


def test_replaced_entries_do_not_pile_up() -> None:
    heap: KeyedHeap[int, int] = KeyedHeap()
    kept: WeakSet[Order] = WeakSet()
    for number in range(10_000):
        order = Order(-number)
        kept.add(order)
        heap.push(0, order, number)
    assert len(kept) < 100
    assert heap.peek() == 9_999
