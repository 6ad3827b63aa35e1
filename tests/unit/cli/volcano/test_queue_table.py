"""Rows of `shoal top queues`, and how they look."""

from datetime import UTC, datetime, timedelta
from io import StringIO

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from shoal.cli.volcano.queue_table import QueueRow, queue_rows, tree
from shoal.cli.volcano.top import picture, plain_row
from shoal.testing.volcano import QueueBuilder, make_pod_group, make_queue

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
TREE = [
    make_queue("root"),
    make_queue("science").weight(3),
    make_queue("physics").parent("science"),
    make_queue("biology").parent("science"),
    make_queue("orphan").parent("gone"),
]


def by_name(queues: list[QueueBuilder]):
    return {each.name: each.obj() for each in queues}


def one_row(queue: QueueBuilder, *groups) -> QueueRow:
    (row,) = queue_rows(by_name([queue]), [group.obj() for group in groups], NOW)
    return row


def drawn(*rows: QueueRow) -> str:
    console = Console(file=StringIO(), width=160, force_terminal=True, color_system=None)
    console.print(picture(rows))
    return console.file.getvalue()


def test_queues_stand_below_their_parents():
    assert [branch + name for name, branch in tree(by_name(TREE))] == [
        "root",
        "├─ orphan",
        "└─ science",
        "   ├─ biology",
        "   └─ physics",
    ]


def test_without_root_the_queues_below_it_are_the_tops():
    assert [branch + name for name, branch in tree(by_name(TREE[1:]))] == [
        "orphan",
        "science",
        "├─ biology",
        "└─ physics",
    ]


def test_names_of_resources_are_not_read_as_markup():
    assert "[/b]=1" in drawn(one_row(make_queue("a").capability(**{"[/b]": "1"})))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=10))
def test_every_queue_of_a_tree_is_shown_once(parents: list[int]):
    """A queue's parent is root, or a queue before it."""
    queues = {"root": make_queue("root").obj()}
    for place, parent in enumerate(parents):
        above = f"q{parent}" if parent < place else ""
        queues[f"q{place}"] = make_queue(f"q{place}").parent(above).obj()
    assert sorted(name for name, _ in tree(queues)) == sorted(queues)


def test_the_share_is_the_largest_of_what_is_deserved():
    row = one_row(make_queue("q").holds(cpu="3", memory="1Gi").entitled(cpu="4", memory="4Gi"))
    assert row.share == 0.75
    assert [each.resource for each in row.holdings] == ["cpu", "memory"]


def test_the_spec_says_what_is_deserved_where_the_scheduler_has_not():
    row = one_row(make_queue("q").holds(cpu="3").deserves(cpu="2"))
    assert (row.share, row.holdings[0].is_over) == (1.5, True)


def test_pods_are_shown_where_they_are_limited_only():
    assert one_row(make_queue("q").holds(pods="3")).holdings == ()
    limited = make_queue("q").holds(pods="3").capability(pods="5")
    assert one_row(limited).holdings[0].allocated == 3


def test_of_root_only_what_is_used_is_shown():
    row = one_row(make_queue("root").holds(cpu="1").entitled(cpu="4", memory="8Gi"))
    assert [each.resource for each in row.holdings] == ["cpu"]


def test_the_oldest_group_that_does_not_run_says_how_long_the_wait_is():
    row = one_row(
        make_queue("q"),
        make_pod_group("a").queue("q").phase("Running").created(NOW - timedelta(hours=3)),
        make_pod_group("b").queue("q").phase("Inqueue").created(NOW - timedelta(minutes=3)),
        make_pod_group("c").queue("q").created(NOW - timedelta(minutes=1)),
        make_pod_group("d").queue("other").created(NOW - timedelta(hours=1)),
    )
    assert row.longest_wait == timedelta(minutes=3)
    assert plain_row(row)[-4:] == (1, 1, 1, "3m")


def test_rows_for_scripts_have_a_dash_where_there_is_nothing():
    assert plain_row(one_row(make_queue("q"))) == (
        "q", "Open", 1, 0, "-", "-", "-", "-", 0, 0, 0, "-"
    )  # fmt: skip
    held = make_queue("q").holds(cpu="3").entitled(cpu="2").capability(cpu="4", memory="8Gi")
    cells = plain_row(one_row(held.state("Closing").priority(5).weight(2)))
    assert cells[:8] == (
        "q", "Closing", 2, 5, "150%", "cpu=3", "cpu=2", "cpu=4,memory=8Gi"
    )  # fmt: skip


def test_bars_show_what_is_held_of_what_is_deserved():
    row = one_row(make_queue("q").holds(cpu="1", memory="2Gi").entitled(cpu="4", memory="1Gi"))
    cpu, memory = drawn(row).splitlines()[1:3]
    assert "cpu    ██░░░░░░░░ 1/4 25%" in cpu
    assert "memory ██████████ 2Gi/1Gi 200%" in memory


def test_what_nobody_deserves_has_no_bar():
    assert "cpu 3, borrowed" in drawn(one_row(make_queue("q").holds(cpu="3").entitled(cpu="0")))
    assert "cpu 3 " in drawn(one_row(make_queue("q").holds(cpu="3")))
