"""Nodes as rows: where they stand, what they hold, when they changed."""

import pytest

from shoal.scheduler.state import request
from shoal.scheduler.state.change_log import ChangeLog
from shoal.scheduler.state.node_table import CPU_ROW, PODS_ROW, NodeTable
from shoal.testing.builders import make_node, make_pod

ASKED = request.of_pod(make_pod("a").req({"example.com/gpu": "1"}, cpu="1").obj().spec)


def test_nodes_take_rows_in_order_of_insertion() -> None:
    table = NodeTable()
    assert [table.add_node(make_node(f"n{i}").obj()) for i in range(100)] == list(range(100))


def test_a_new_node_takes_the_lowest_free_row() -> None:
    table = NodeTable()
    for name in "abc":
        table.add_node(make_node(name).obj())
    table.remove_node("b")
    table.remove_node("a")
    assert table.add_node(make_node("d").obj()) == 0
    assert table.add_node(make_node("e").obj()) == 1
    assert table.add_node(make_node("f").obj()) == 3


def test_a_free_row_is_blank() -> None:
    table = NodeTable()
    row = table.add_node(make_node("a").capacity(cpu="4").taint("x").unschedulable().obj())
    table.place(row, ASKED)
    table.remove_node("a")
    assert not table.is_present[row]
    assert not table.is_unschedulable[row]
    assert table.taint_set[row] == 0
    assert not table.allocatable[:, row].any()
    assert not table.requested[:, row].any()
    assert not table.non_zero[:, row].any()


def test_a_resource_gets_a_column_when_it_is_first_seen() -> None:
    table = NodeTable()
    row = table.add_node(make_node("a").capacity(cpu="4").obj())
    table.place(row, ASKED)
    assert table.requested[table.resources["example.com/gpu"], row] == 1
    assert table.requested[CPU_ROW, row] == 1000
    assert table.requested[PODS_ROW, row] == 1


def test_place_and_displace_cancel_out() -> None:
    table = NodeTable()
    row = table.add_node(make_node("a").capacity(cpu="4").obj())
    table.place(row, ASKED)
    table.displace(row, ASKED)
    assert not table.requested[:, row].any()
    assert not table.non_zero[:, row].any()


def test_every_change_is_noted_with_its_row() -> None:
    table = NodeTable()
    rows = [table.add_node(make_node(name).obj()) for name in "ab"]
    seen, seen_nodes = table.changes.count, table.node_changes.count
    table.place(rows[1], ASKED)
    changed = table.changes.since(seen)
    assert changed is not None and changed.tolist() == [1]
    assert table.node_changes.count == seen_nodes


def test_a_log_that_was_left_alone_for_long_says_so() -> None:
    log = ChangeLog()
    for row in range(200_000):
        log.note(row)
    assert log.since(0) is None
    latest = log.since(199_998)
    assert latest is not None and latest.tolist() == [199_998, 199_999]


def test_a_heartbeat_is_no_change() -> None:
    table = NodeTable()
    node = make_node("a").capacity(cpu="4").condition("Ready", "True")
    table.add_node(node.obj())
    seen = table.changes.count
    table.update_node(node.meta(resourceVersion="2").obj())
    assert table.changes.count == seen
    table.update_node(node.capacity(cpu="8").obj())
    assert table.changes.count > seen


def test_nodes_with_equal_taints_share_a_set() -> None:
    table = NodeTable()
    for name, value in (("a", "x"), ("b", "x"), ("c", "y")):
        table.add_node(make_node(name).taint("k", value).obj())
    assert table.taint_set[0] == table.taint_set[1] != table.taint_set[2]


def test_a_name_has_one_row() -> None:
    table = NodeTable()
    table.add_node(make_node("a").obj())
    with pytest.raises(ValueError, match="already has a row"):
        table.add_node(make_node("a").obj())
