"""The sums of queues, after any story that their groups may have."""

from hypothesis import given
from hypothesis import strategies as st

from shoal.scheduler.fairness.queue_policy import QueueUsage
from tests.unit.scheduler.gangs.books import NOW, Book, group, member

_NAMES = st.sampled_from(("a", "b"))
_QUEUES = st.sampled_from(("q", "r"))
_INDICES = st.integers(0, 2)

_HAPPENINGS = st.one_of(
    st.tuples(st.just("group"), _NAMES, _QUEUES),
    st.tuples(st.just("no group"), _NAMES, _QUEUES),
    st.tuples(st.just("pod"), _NAMES, _INDICES),
    st.tuples(st.just("place"), _NAMES, _INDICES),
    st.tuples(st.just("displace"), _NAMES, _INDICES),
    st.tuples(st.just("bound"), _NAMES, _INDICES),
    st.tuples(st.just("finished"), _NAMES, _INDICES),
    st.tuples(st.just("evict"), _NAMES, _INDICES),
    st.tuples(st.just("stays"), _NAMES, _INDICES),
    st.tuples(st.just("no pod"), _NAMES, _INDICES),
    st.tuples(st.just("look"), _NAMES, _INDICES),
)


def _happen(book: Book, what: str, name: str, detail: str | int) -> None:
    if isinstance(detail, str):
        if what == "group":
            book.tell(group(name, 2, detail))
        elif name in {each.key.name for each in book.book if each.is_known}:
            book.remove(name)
        return
    pod = member(name, detail)
    known = book.book.member(pod.name)
    if what == "pod" and (known is None or not known.pod.spec.node_name):
        book.tell(pod)
    elif what == "look":
        book.book.usage()
    elif known is None:
        return
    elif what == "place" and known.state == "Waiting":
        book.book.place(pod.name, "n1")
    elif what == "displace":
        book.book.displace(pod.name)
    elif what == "bound":
        book.tell(pod.node("n1").phase("Running"))
    elif what == "finished":
        book.tell(pod.node("n1").phase("Succeeded"))
    elif what == "evict" and known.state in ("Bound", "Running"):
        book.evict(pod.name)
    elif what == "stays":
        book.book.eviction_failed(pod.name, NOW)
    elif what == "no pod":
        book.book.remove_pod(pod.name)


@given(st.lists(_HAPPENINGS, max_size=30))
def test_what_queues_hold_is_the_sum_of_their_groups_whatever_happened(
    story: list[tuple[str, str, str | int]],
) -> None:
    book = Book()
    for what, name, detail in story:
        _happen(book, what, name, detail)
    expected: dict[str, QueueUsage] = {}
    held: dict[str, int] = {}
    for each in book.book:
        for name, amount in each.holding.items():
            held[name] = held.get(name, 0) + amount
        if each.is_known:
            total = expected.setdefault(each.queue, QueueUsage(has_groups=True))
            own = each.usage()
            for field in ("allocated", "request", "inqueue", "elastic"):
                sums: dict[str, int] = getattr(total, field)
                for name, amount in getattr(own, field).items():
                    sums[name] = sums.get(name, 0) + amount
    assert {key: _without_zeros(each) for key, each in book.book.usage().items()} == expected
    assert {key: each for key, each in book.book.held.items() if each} == held
    leaving = {uid for each in book.book for uid, m in each.members.items() if m.state == "Leaving"}
    assert book.book.leaving.keys() == leaving


def _without_zeros(usage: QueueUsage) -> QueueUsage:
    def kept(amounts: dict[str, int]) -> dict[str, int]:
        return {name: amount for name, amount in amounts.items() if amount}

    return QueueUsage(
        kept(usage.allocated),
        kept(usage.request),
        kept(usage.inqueue),
        kept(usage.elastic),
        usage.has_groups,
    )
