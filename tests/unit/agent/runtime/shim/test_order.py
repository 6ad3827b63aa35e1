"""Orders as files: what one agent wrote, another reads."""

import json

from shoal.agent.runtime.shim.order import BindMount, Isolation, LaunchOrder


def an_order() -> LaunchOrder:
    return LaunchOrder(
        directory="/pods/p/containers/c/0",
        log="/pods/p/logs/c/0.log",
        argv=["true"],
        env={},
        working_dir="/",
        user_id=None,
        group_id=None,
        isolation=Isolation(
            hostname="p",
            binds=[BindMount(source="/a", target="/b", read_only=True)],
            has_user_namespace=False,
            read_only_root=False,
            hidden=["/data"],
            shut=["/"],
        ),
        cgroup=None,
        sampled_memory_bytes=None,
        falls_back_to_logs=False,
    )


def test_an_order_is_read_as_it_was_written() -> None:
    assert LaunchOrder.decode(an_order().encode()) == an_order()


def test_an_order_of_the_time_before_anything_was_hidden_is_read() -> None:
    raw = json.loads(an_order().encode())
    for field in ("hidden", "shut"):
        del raw["isolation"][field]
    isolation = LaunchOrder.decode(json.dumps(raw).encode()).isolation
    assert isolation is not None
    assert (isolation.hidden, isolation.shut) == ([], [])
