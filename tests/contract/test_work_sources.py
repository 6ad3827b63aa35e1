"""The contract of `shoal.work.protocol.WorkSource`, on SQLite, PostgreSQL, Redis and Valkey.

Servers have their own clocks, so time passes by leases that are over at once.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from shoal.testing.databases import DatabaseServer
from shoal.work.protocol import (
    ItemLease,
    NamedQueue,
    OtherBatch,
    QueueLimits,
    QueueSize,
    SourceUnavailable,
    UnfitBody,
    WorkSource,
)
from shoal.work.sources import open_source
from shoal.work.statements import statements
from tests.servers import postgresql, redis, valkey

__all__ = ["postgresql", "redis", "valkey"]

QUEUE = "default/orders"
OVER = QueueLimits(lease_s=0.0)
"""Leases that have run out when they are given."""
LONG = QueueLimits(lease_s=600.0)


@pytest.fixture(params=["sqlite", "postgresql", "redis", "valkey"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return (tmp_path / "queues.db").as_uri().replace("file:", "sqlite:")
    return request.getfixturevalue(request.param).url


@pytest.fixture
def source(url: str) -> Iterator[WorkSource]:
    with closing(open_source(url)) as opened:
        opened.purge(QUEUE)
        yield opened
        opened.purge(QUEUE)


def take(
    source: WorkSource, count: int = 1, limits: QueueLimits = LONG, holder: str = "pod-a"
) -> list[ItemLease]:
    return list(source.lease(QUEUE, holder=holder, count=count, limits=limits))


def bodies(leases: list[ItemLease]) -> list[str]:
    return [lease.item.body for lease in leases]


def tokens(leases: list[ItemLease]) -> list[str]:
    return [lease.token for lease in leases]


def until(holds: Callable[[], bool]) -> None:
    give_up_s = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < give_up_s
        time.sleep(0.01)


def test_a_queue_that_nobody_put_into_is_empty_and_drained(source: WorkSource) -> None:
    assert source.size(QUEUE) == QueueSize()
    assert source.size(QUEUE).is_drained
    assert take(source) == []
    assert source.peek(QUEUE, 3) == []
    assert source.dead_letters(QUEUE, 3) == []
    assert source.revive(QUEUE) == 0
    assert source.purge(QUEUE) == 0


def test_items_are_leased_oldest_first_and_to_one_holder_only(source: WorkSource) -> None:
    assert source.put(QUEUE, ["a", "b", "c"]) == 3
    first, second = take(source, 2), take(source, 2, holder="pod-b")
    assert (bodies(first), bodies(second)) == (["a", "b"], ["c"])
    assert source.size(QUEUE) == QueueSize(leased=3)
    assert not source.size(QUEUE).is_drained
    assert [lease.attempt for lease in first] == [1, 1]


def test_a_queue_is_drained_when_the_last_lease_is_acknowledged(source: WorkSource) -> None:
    source.put(QUEUE, ["a", "b"])
    leases = take(source, 5)
    assert source.ack(QUEUE, tokens(leases)[:1]) == tokens(leases)[:1]
    assert not source.size(QUEUE).is_drained
    source.ack(QUEUE, tokens(leases)[1:])
    assert source.size(QUEUE) == QueueSize(done=2)
    assert source.size(QUEUE).is_drained


def test_an_item_is_acknowledged_once(source: WorkSource) -> None:
    source.put(QUEUE, ["a"])
    held = tokens(take(source))
    assert source.ack(QUEUE, held) == held
    assert source.ack(QUEUE, held) == []
    assert source.size(QUEUE) == QueueSize(done=1)


def test_what_is_no_token_is_held_by_nobody(source: WorkSource) -> None:
    source.put(QUEUE, ["a"])
    take(source)
    strange = ["", "-", "x-y", "1", "1-", "9" * 40 + "-a", "1-'; drop table item", "²-a"]
    assert source.ack(QUEUE, strange) == []
    assert source.renew(QUEUE, strange, 10) == []
    assert source.nack(QUEUE, strange, reason="no") == []
    assert source.size(QUEUE) == QueueSize(leased=1)


def test_a_token_is_of_one_queue(source: WorkSource) -> None:
    source.put(QUEUE, ["a"])
    held = tokens(take(source))
    assert source.ack("other/orders", held) == []
    assert source.ack(QUEUE, held) == held


def test_a_lease_that_ran_out_goes_to_the_next_who_asks(source: WorkSource) -> None:
    source.put(QUEUE, ["a", "b"])
    [late] = take(source, limits=OVER)
    until(lambda: source.size(QUEUE).ready == 2)
    [taken] = take(source, holder="pod-b")
    assert (taken.item, taken.attempt) == (late.item, 2)
    assert source.ack(QUEUE, [late.token]) == []
    assert source.renew(QUEUE, [late.token], 10) == []
    assert source.nack(QUEUE, [late.token], reason="late") == []
    assert source.ack(QUEUE, [taken.token]) == [taken.token]


def test_a_lease_that_ran_out_is_still_held_while_nobody_else_has_the_item(
    source: WorkSource,
) -> None:
    source.put(QUEUE, ["a"])
    [late] = take(source, limits=OVER)
    until(lambda: source.size(QUEUE).ready == 1)
    assert source.renew(QUEUE, [late.token], 600) == [late.token]
    assert source.size(QUEUE) == QueueSize(leased=1)
    assert source.ack(QUEUE, [late.token]) == [late.token]


def test_an_item_that_used_up_its_attempts_is_put_with_the_dead(source: WorkSource) -> None:
    source.put(QUEUE, ["a"])
    for attempt in (1, 2, 3):
        [lease] = take(source)
        assert lease.attempt == attempt
        source.nack(QUEUE, [lease.token], reason=f"failed {attempt}", max_attempts=3)
    assert take(source) == []
    assert source.size(QUEUE) == QueueSize(dead=1)
    assert source.size(QUEUE).is_drained
    [dead] = source.dead_letters(QUEUE, 5)
    assert (dead.item.body, dead.attempts, dead.reason) == ("a", 3, "failed 3")


def test_leases_that_run_out_use_up_attempts_too(source: WorkSource) -> None:
    source.put(QUEUE, ["a", "b"])
    once = QueueLimits(lease_s=0.0, max_attempts=1)
    take(source, limits=once)
    until(lambda: source.size(QUEUE).ready == 2)
    assert bodies(take(source, 2)) == ["a", "b"]
    source.purge(QUEUE)

    source.put(QUEUE, ["a", "b"])
    take(source, limits=once)
    until(lambda: source.size(QUEUE).ready == 2)
    assert bodies(take(source, limits=QueueLimits(max_attempts=1))) == ["b"]
    [dead] = source.dead_letters(QUEUE, 5)
    assert (dead.item.body, dead.reason) == ("a", "the lease of pod-a ran out")


def test_a_hand_back_uses_no_attempt(source: WorkSource) -> None:
    source.put(QUEUE, ["a"])
    for _ in range(5):
        [lease] = take(source)
        assert lease.attempt == 1
        assert source.nack(
            QUEUE, [lease.token], reason="stopped", uses_attempt=False, max_attempts=1
        ) == [lease.token]
    assert source.size(QUEUE) == QueueSize(ready=1)


def test_a_delayed_item_is_not_to_be_had_and_keeps_the_queue_from_being_drained(
    source: WorkSource,
) -> None:
    source.put(QUEUE, ["a"])
    source.nack(QUEUE, tokens(take(source)), reason="later", delay_s=600)
    assert source.size(QUEUE) == QueueSize(delayed=1)
    assert not source.size(QUEUE).is_drained
    assert take(source) == []
    assert source.peek(QUEUE, 5) == []


def test_what_came_back_is_leased_before_the_others_in_the_order_it_did(
    source: WorkSource,
) -> None:
    source.put(QUEUE, ["a", "b", "c", "d"])
    a, b, c = take(source, 3)
    source.nack(QUEUE, [c.token], reason="no")
    source.nack(QUEUE, [a.token], reason="no")
    source.nack(QUEUE, [b.token], reason="no", delay_s=600)
    assert [item.body for item in source.peek(QUEUE, 9)] == ["c", "a", "d"]
    assert bodies(take(source, 9)) == ["c", "a", "d"]


def test_a_renewed_lease_lasts_from_now(source: WorkSource) -> None:
    source.put(QUEUE, ["a", "b"])
    leases = take(source, 2)
    assert source.renew(QUEUE, tokens(leases)[:1], 0.0) == tokens(leases)[:1]
    until(lambda: source.size(QUEUE) == QueueSize(ready=1, leased=1))


def test_dead_items_are_revived_with_all_their_attempts(source: WorkSource) -> None:
    source.put(QUEUE, ["a", "b", "c"])
    source.nack(QUEUE, tokens(take(source, 3)), reason="no", max_attempts=1)
    dead = source.dead_letters(QUEUE, 2)
    assert [each.item.body for each in dead] == ["a", "b"]
    assert source.revive(QUEUE, [dead[1].item.id, 10**9]) == 1
    assert source.size(QUEUE) == QueueSize(ready=1, dead=2)
    [lease] = take(source)
    assert (lease.item, lease.attempt) == (dead[1].item, 1)
    assert source.revive(QUEUE) == 2
    assert bodies(take(source, 9)) == ["a", "c"]


def test_what_is_revived_together_is_leased_in_the_order_of_putting(source: WorkSource) -> None:
    source.put(QUEUE, ["a", "b", "c"])
    for lease in take(source, 3)[::-1]:
        source.nack(QUEUE, [lease.token], reason="no", max_attempts=1)
    assert source.revive(QUEUE) == 3
    assert bodies(take(source, 3)) == ["a", "b", "c"]


def test_a_purged_queue_is_as_new(source: WorkSource) -> None:
    source.put(QUEUE, ["a", "b", "c", "d"], batch_id="one")
    a, b, _ = take(source, 3)
    source.ack(QUEUE, [a.token])
    source.nack(QUEUE, [b.token], reason="no", max_attempts=1)
    assert source.purge(QUEUE) == 3
    assert source.size(QUEUE) == QueueSize()
    assert source.put(QUEUE, ["a"], batch_id="one") == 1
    assert source.ack(QUEUE, [b.token]) == []


def test_what_is_counted_is_there_when_a_queue_was_purged_beside_its_use(
    url: str, source: WorkSource
) -> None:
    ended = threading.Event()

    def put() -> None:
        with closing(open_source(url)) as own:
            for _ in range(60):
                own.put(QUEUE, ["x"] * 200)

    def drain() -> None:
        with closing(open_source(url)) as own:
            while not ended.is_set():
                held = tokens(take(own, 7))[::-1]
                own.renew(QUEUE, held, 600)
                own.ack(QUEUE, held[:3])
                own.nack(QUEUE, held[3:], reason="no", max_attempts=1)
                own.revive(QUEUE)

    putting = [threading.Thread(target=put) for _ in range(2)]
    draining = [threading.Thread(target=drain) for _ in range(2)]
    for thread in putting + draining:
        thread.start()
    while any(thread.is_alive() for thread in putting):
        source.purge(QUEUE)
    ended.set()
    for thread in putting + draining:
        thread.join()
    size = source.size(QUEUE)
    assert size.ready == len(take(source, 100_000))
    assert size.dead == len(source.dead_letters(QUEUE, 100_000))
    assert (size.leased, size.delayed) == (0, 0)
    assert size.done >= 0


def test_a_purge_takes_items_that_are_being_put(postgresql: DatabaseServer) -> None:
    values = {"queue": QUEUE, "bodies": ["b", "c"]}
    with (
        closing(open_source(postgresql.url)) as source,
        psycopg.connect(postgresql.url) as putting,
        psycopg.connect(postgresql.url, autocommit=True) as watching,
    ):
        source.purge(QUEUE)
        source.put(QUEUE, ["a"])
        for name in ("share_queue", "put"):
            putting.execute(statements("postgresql.sql")[name].encode(), values)
        purging = threading.Thread(target=source.purge, args=[QUEUE])
        purging.start()
        waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
        until(lambda: watching.execute(waits).fetchone() == (1,))
        putting.commit()
        purging.join()
        assert source.size(QUEUE) == QueueSize()
        assert take(source, 9) == []


def test_a_question_to_postgresql_ends_in_time_also_where_a_lock_is_held(
    postgresql: DatabaseServer,
) -> None:
    with closing(open_source(postgresql.url)) as source:
        source.size(QUEUE)
    with (
        closing(open_source(postgresql.url, timeout_s=0.5)) as source,
        psycopg.connect(postgresql.url) as locking,
    ):
        locking.execute("lock table shoal_work_tally in access exclusive mode")
        with pytest.raises(SourceUnavailable, match="statement timeout"):
            source.size(QUEUE)


def test_a_batch_put_again_adds_what_is_missing_only(source: WorkSource) -> None:
    batch = [str(number) for number in range(2500)]

    def interrupted() -> Iterator[str]:
        yield from batch[:1700]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        source.put(QUEUE, interrupted(), batch_id="night")
    present = source.size(QUEUE).ready
    assert present == 1000
    done = take(source, 3)
    source.ack(QUEUE, tokens(done))
    assert source.put(QUEUE, batch, batch_id="night") == 1500
    assert source.put(QUEUE, batch, batch_id="night") == 0
    assert source.put(QUEUE, ["x"], batch_id="other") == 1
    assert bodies(done) + bodies(take(source, 3000)) == [*batch, "x"]


def test_a_batch_of_that_name_with_other_items_is_refused(source: WorkSource) -> None:
    source.put(QUEUE, ["a", "b", "c"], batch_id="night")
    for other in (["x"], ["a", "x", "c"], ["x", "b", "c", "d"], ["a", "b"]):
        with pytest.raises(OtherBatch, match="holds other items"):
            source.put(QUEUE, other, batch_id="night")
    assert source.size(QUEUE) == QueueSize(ready=3)
    assert source.put(QUEUE, ["a", "b", "c", "d"], batch_id="night") == 1
    assert source.put(QUEUE, ["x"], batch_id="day") == 1
    assert bodies(take(source, 9)) == ["a", "b", "c", "d", "x"]


def test_the_rest_of_an_interrupted_batch_is_refused_where_its_beginning_differs(
    source: WorkSource,
) -> None:
    source.put(QUEUE, (str(number) for number in range(1500)), batch_id="night")
    other = ["x", *(str(number) for number in range(1, 3000))]
    with pytest.raises(OtherBatch):
        source.put(QUEUE, other, batch_id="night")
    assert source.size(QUEUE).ready == 1500


def test_queues_are_listed_with_their_sizes_until_they_are_purged(source: WorkSource) -> None:
    assert QUEUE not in [each.name for each in source.queues()]
    source.put(QUEUE, ["a", "b", "c"])
    source.put("other/orders", ["a"])
    a, b, _ = take(source, 3)
    source.ack(QUEUE, [a.token])
    source.nack(QUEUE, [b.token], reason="later", delay_s=600)
    own = [each for each in source.queues() if each.name in (QUEUE, "other/orders")]
    assert own == [
        NamedQueue(name=QUEUE, size=QueueSize(delayed=1, leased=1, done=1)),
        NamedQueue(name="other/orders", size=QueueSize(ready=1)),
    ]
    source.purge("other/orders")
    assert [each.name for each in source.queues() if each.name == "other/orders"] == []


def test_one_batch_put_twice_at_a_time_is_there_once(url: str, source: WorkSource) -> None:
    batch = [str(number) for number in range(5000)]
    added: list[int] = []

    def put() -> None:
        with closing(open_source(url)) as own:
            added.append(own.put(QUEUE, batch, batch_id="night"))

    threads = [threading.Thread(target=put) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(added) == source.size(QUEUE).ready == 5000
    assert sorted(bodies(take(source, 6000)), key=int) == batch


def test_bodies_are_kept_as_they_are(source: WorkSource) -> None:
    strange = [
        "",
        " ",
        "line\nline",
        '{"a": "ü→😀"}',
        "'; drop table item; --",
        "%s %(x)s",
        "x" * 3_000_000,
    ]
    source.put(QUEUE, strange)
    assert bodies(take(source, 9)) == strange


def test_a_body_that_databases_cannot_keep_is_refused(source: WorkSource) -> None:
    with pytest.raises(UnfitBody, match="item 2 holds a NUL"):
        source.put(QUEUE, ["a", "b\0c"])
    with pytest.raises(UnfitBody, match="item 1 holds bytes that are no UTF-8"):
        source.put(QUEUE, [b"caf\xe9".decode(errors="surrogateescape")])


def test_a_reason_that_databases_cannot_keep_is_kept_as_far_as_they_can(
    source: WorkSource,
) -> None:
    source.put(QUEUE, ["a"])
    strange = "no\0 " + b"caf\xe9".decode(errors="surrogateescape")
    held = tokens(take(source))
    assert source.nack(QUEUE, held, reason=strange, max_attempts=1) == held
    assert [each.reason for each in source.dead_letters(QUEUE, 1)] == ["no  caf?"]


def test_queues_do_not_meet(source: WorkSource) -> None:
    source.put(QUEUE, ["a"])
    source.put("other/orders", ["b"])
    assert bodies(take(source, 5)) == ["a"]
    assert source.purge("other/orders") == 1
    assert source.size(QUEUE) == QueueSize(leased=1)


def test_holders_at_the_same_time_get_different_items(url: str, source: WorkSource) -> None:
    source.put(QUEUE, (str(number) for number in range(600)))
    got: list[str] = []

    def drain() -> None:
        with closing(open_source(url)) as own:
            while leases := take(own, 7):
                assert len(own.ack(QUEUE, tokens(leases))) == len(leases)
                got.extend(bodies(leases))

    threads = [threading.Thread(target=drain) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, got)) == list(range(600))
    assert source.size(QUEUE) == QueueSize(done=600)


def test_a_source_that_was_closed_opens_again(source: WorkSource) -> None:
    source.put(QUEUE, ["a"])
    source.close()
    assert bodies(take(source)) == ["a"]


def test_redis_without_its_password_says_that_it_wants_one(redis: DatabaseServer) -> None:
    with_password = urlsplit(redis.url)
    bare = with_password._replace(netloc=with_password.netloc.rpartition("@")[2]).geturl()
    with pytest.raises(SourceUnavailable, match="it wants a password; name one in the URL"):
        open_source(bare).size(QUEUE)
    wrong = with_password._replace(netloc="u:geheim@" + with_password.netloc.rpartition("@")[2])
    with pytest.raises(SourceUnavailable, match="it knows no such user with this password"):
        open_source(wrong.geturl()).size(QUEUE)
