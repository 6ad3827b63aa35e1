"""What `shoal explain` says of jobs, PodGroups and queues: the whole of it, case by case."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from shoal.api.core import PriorityClass
from shoal.api.meta import ObjectKey, ObjectMeta
from shoal.api.pod import Pod
from shoal.cli.volcano.group_story import group_story, title
from shoal.cli.volcano.job_story import job_story
from shoal.cli.volcano.queue_story import queue_story
from shoal.scheduler.explaining.gang_view import GangView, gang_view
from shoal.testing.builders import PodBuilder, make_node, make_pod
from shoal.testing.volcano import (
    PodGroupBuilder,
    QueueBuilder,
    make_job,
    make_pod_group,
    make_queue,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HIGH = PriorityClass(metadata=ObjectMeta(name="high"), value=100)
QUEUE = make_queue("q")
OTHER = make_queue("other").deserves(cpu="2")
TIGHT = QUEUE.capability(cpu="3")


def member(name: str, group: str, cpu: str = "1", node: str = "n") -> PodBuilder:
    pod = make_pod(name).req(cpu=cpu).annotations(**{"scheduling.k8s.io/group-name": group})
    return pod.node(node).phase("Running") if node else pod


def view_of(
    queues: Sequence[QueueBuilder],
    groups: Sequence[PodGroupBuilder] = (),
    pods: Sequence[PodBuilder] = (),
    cpu: str = "4",
) -> GangView:
    return gang_view(
        [each.obj() for each in (make_queue("root"), *queues)],
        [each.obj() for each in groups],
        [each.obj() for each in pods],
        [make_node("n").capacity(cpu=cpu).obj()],
        [HIGH],
        NOW,
    )


def group(name: str, phase: str = "Pending", count: int = 1, **needs: str) -> PodGroupBuilder:
    created = NOW - timedelta(minutes=3)
    return make_pod_group(name).queue("q").needs(count, **needs).phase(phase).created(created)


def story(view: GangView, name: str = "a") -> list[str]:
    return group_story(view.groups[ObjectKey("default", name)], view, NOW)


def test_a_group_that_its_queues_capability_keeps_out():
    since = NOW - timedelta(minutes=2)
    said = group("a", count=3, cpu="3").condition(
        "Unschedulable", "NotEnoughResources", "queue resource quota insufficient", since
    )
    view = view_of([TIGHT], [said, group("busy", "Running", cpu="1")], [member("b-0", "busy")])
    assert story(view) == [
        "PodGroup default/a is Pending for 3m: it is not admitted to its queue.",
        "  NotEnoughResources for 2m: queue resource quota insufficient",
        "  It needs 3 members, for which cpu=3 is missing; it has 0 pods.",
        "  Queue q may have 3 cpu at most and holds 1, this needs 3: short by 1.",
        "    It is held by PodGroup default/busy of queue q (1).",
        "    It would do if its capability were 1 cpu higher (spec.capability); or if PodGroup"
        " default/busy ended.",
    ]


def test_a_group_behind_others_in_a_fifo_queue():
    first = group("first", count=2, cpu="5").spec(priorityClassName="high")
    fifo = QUEUE.spec(dequeueStrategy="fifo")
    view = view_of([fifo], [group("a", cpu="1"), first])
    assert story(view)[2:] == [
        "  It is number 2 of 2 that wait in queue q, after PodGroup default/first"
        " (priority 100, 2 members).",
        "  The queue is fifo: nobody passes PodGroup default/first, even where there is room.",
        "  No limit keeps it out now: it is looked at again soon.",
    ]
    assert "  It is the first of 2 that wait in queue q." in story(view, "first")


def borrowed(big: PodGroupBuilder, other: QueueBuilder = OTHER) -> list[str]:
    """Both queues deserve 2 cpu; the other holds 3 of the 4 there are."""
    asking = group("a", "Inqueue", cpu="2")
    big_ones = [member(f"b-{place}", "big") for place in range(3)]
    view = view_of(
        [QUEUE.deserves(cpu="2"), other],
        [asking, big.queue("other").phase("Running")],
        [member("a-0", "a", "2", ""), *big_ones],
    )
    return story(view)[1:]


def test_a_group_whose_room_others_hold_beyond_their_share():
    assert borrowed(group("big")) == [
        "  It needs 1 member, for which cpu=2 is missing; it has 1 pod (1 waiting).",
        "  The cluster has 1 cpu free, this needs 2: short by 1.",
        "    Above their share of cpu: other (1 more).",
        "    It is held by PodGroup default/big of queue other (3).",
        "    It would do if nodes with 1 more cpu came; or if PodGroup default/big ended; or if"
        " PodGroup default/big went, which the scheduler asks for once that makes room enough.",
    ]


def test_a_queue_that_is_not_reclaimable_need_not_give():
    assert borrowed(group("big"), OTHER.spec(reclaimable=False))[-1].endswith(
        "; or if queue other gave back cpu, which it need not: it is not reclaimable."
    )


def test_queues_that_go_first_are_named_with_why():
    view = view_of(
        [QUEUE, make_queue("urgent").priority(5)],
        [group("a", cpu="4"), group("u").queue("urgent"), group("mine", "Running")],
        [member("m", "mine")],
    )
    turn = "    Queues whose turn is before that of q: urgent (priority 5, has 0% of its share)."
    assert turn in story(view)


def test_a_group_that_the_whole_cluster_could_not_hold():
    view = view_of([QUEUE], [group("a", cpu="5"), group("b", "Running")], [member("m", "b")])
    assert story(view)[-2:] == [
        "  All nodes together have 4 cpu, this needs 5: short by 1.",
        "    It would do if nodes with 1 more cpu came.",
    ]


def test_pods_that_do_not_exist_yet_and_pods_that_are_gated():
    gated = member("a-0", "a", "1", "").gate("example.com/later")
    view = view_of([QUEUE], [group("a", "Inqueue", count=3)], [gated])
    assert story(view)[1:4] == [
        "  It needs 3 members, for which cpu=1 is missing; it has 1 pod (1 waiting).",
        "  It waits because 2 pods that it needs do not exist: make them, with its name in their"
        " annotation, or lower spec.minMember.",
        "  1 pod is held back by scheduling gates.",
    ]


def test_a_group_for_which_there_is_room_by_sums_points_to_its_pods():
    view = view_of([QUEUE], [group("a", "Inqueue")], [member("a-0", "a", "1", "")])
    assert story(view)[-1] == (
        "  No amount is short; what else its pods demand decides:"
        " `shoal explain pod a-0 -n default`."
    )


def test_a_pod_that_is_too_large_for_every_node():
    pods = [member(f"a-{place}", "a", "4", "").obj() for place in range(2)]
    assert story(of_two_nodes(pods))[2:] == [
        "  Pod a-0 needs cpu=4, and no node has more than cpu=3, even empty: one node of that size"
        " is needed.",
    ]
    assert queue_story("q", of_two_nodes(pods), NOW)[-1].startswith(
        "    Pod a-0 needs cpu=4, and no"
    )
    wide = [make_pod("a-0").req(cpu="3", memory="4Gi").annotations(**OF_A).obj()]
    assert story(of_two_nodes(wide))[-1].startswith("  Pod a-0 needs cpu=3,memory=4Gi, and no node")


OF_A = {"scheduling.k8s.io/group-name": "a"}


def of_two_nodes(pods: Sequence[Pod], phase: str = "Inqueue", count: int = 1) -> GangView:
    """One with more cpu, one with more memory."""
    sizes = [("one", "3", "1Gi"), ("two", "2", "8Gi")]
    nodes = [make_node(name).capacity(cpu=cpu, memory=much).obj() for name, cpu, much in sizes]
    queues = [make_queue("root").obj(), QUEUE.obj()]
    made = group("a", phase, count, cpu="5").obj()
    return gang_view(queues, [made], pods, nodes, [], NOW)


def test_a_pod_that_finds_no_room_on_one_node_now():
    held = member("b-0", "b", "1", "one").obj()
    waiting = member("a-0", "a", "3", "").obj()
    queues = [make_queue("root").obj(), QUEUE.obj()]
    nodes = [make_node(name).capacity(cpu="3").obj() for name in ("one", "two")]
    also = member("b-1", "b", "1", "two").obj()
    groups = [group("a", "Inqueue").obj(), group("b", "Running", 2).obj()]
    view = gang_view(queues, groups, [held, also, waiting], nodes, [], NOW)
    assert story(view)[2:] == [
        "  No node has 3 cpu free for one pod; the most is 2 (on one).",
        "    It is held by PodGroup default/b of queue q (2).",
        "    It would do if as much came free on one node.",
    ]


def test_a_pod_that_is_too_large_is_told_of_before_it_is_made():
    job = make_job("j").queue("q").task("big", cpu="4").obj()
    view = of_two_nodes([], "Pending")
    assert job_story(job, view.groups[ObjectKey("default", "a")], view, NOW)[-1] == (
        "    A pod of task big needs cpu=4, and no node has more than cpu=3, even empty: one node"
        " of that size is needed."
    )


def test_at_the_top_it_is_the_cluster_that_is_too_small_or_too_full():
    kept = make_queue("kept").guarantee(cpu="1")
    busy = group("busy", "Running", 3).queue("other")
    held = [member(f"b-{place}", "busy") for place in range(3)]
    queues = [QUEUE.deserves(cpu="3"), kept, make_queue("other")]
    assert story(view_of(queues, [group("a", cpu="2"), busy], held))[2:] == [
        "  The whole cluster has 4 cpu for queues and 3 is held, this needs 2: short by 1.",
        "    It is held by PodGroup default/busy of queue other (3).",
        "    It would do if nodes with 1 more cpu came; or if PodGroup default/busy ended.",
    ]
    assert story(view_of(queues, [group("a", cpu="5"), busy], held))[2:] == [
        "  All nodes together have 4 cpu, this needs 5: short by 1.",
        "    It would do if nodes with 1 more cpu came.",
    ]


def test_guarantees_and_promises_to_others_are_told_as_such():
    kept = make_queue("kept").guarantee(cpu="3")
    lines = story(view_of([QUEUE, kept], [group("a", cpu="2")]))
    assert lines[2:] == [
        "  Beside what others are guaranteed, queue root may have 1 cpu and holds 0, this needs 2:"
        " short by 1.",
        "    It would do if others were guaranteed 1 cpu less (spec.guarantee).",
    ]
    admitted = group("first", "Inqueue", cpu="4")
    lines = story(view_of([QUEUE], [group("a", cpu="2"), admitted]))
    assert (
        "  Of cpu, 4.8 is admitted in the whole cluster at most and 0 is held, 4 is promised to"
        in (lines[3][:90])
    )


@pytest.mark.parametrize(
    ("queues", "sentence"),
    [
        ([], "  There is no queue q: `shoal queue create q` makes it."),
        ([QUEUE.state("Closed")], "  Queue q is Closed: `shoal queue open q` opens it."),
        (
            [QUEUE.parent("p"), make_queue("p").state("Closing")],
            "  Queue p is Closing: `shoal queue open p` opens it.",
        ),
        (
            [QUEUE, make_queue("child").parent("q")],
            "  Queue q has 1 queue below it (child); only those take jobs.",
        ),
    ],
)
def test_a_queue_that_takes_nothing_is_all_there_is_to_say(
    queues: list[QueueBuilder], sentence: str
):
    lines = story(view_of(queues, [group("a", cpu="9")]))
    assert lines[1:] == [
        sentence,
        "  It needs 1 member, for which cpu=9 is missing; it has 0 pods.",
    ]


def test_a_group_that_runs_has_nothing_to_wait_for():
    view = view_of([QUEUE], [group("a", "Running", count=1)], [member("a-0", "a")])
    assert story(view) == [
        "PodGroup default/a is Running.",
        "  It needs 1 member; it has 1 pod (1 running).",
    ]


def test_a_job_tells_its_own_state_and_then_what_its_group_waits_for():
    job = make_job("j").queue("q").task("a").task("b", dependsOn={"name": ["a"]})
    waiting = job.phase("Pending", "X", "x").status(pending=2, retryCount=1).obj()
    view = view_of([QUEUE], [group("a", "Inqueue")])
    lines = job_story(waiting, view.groups[ObjectKey("default", "a")], view, NOW)
    assert lines[:3] == [
        "Job default/j is Pending (X: x).",
        "  Its pods: 2 pending.",
        "  It was restarted 1 of 3 times.",
    ]
    assert lines[3] == "  Pods of task b are made after those of a."
    assert lines[4].startswith("  PodGroup default/a is Inqueue")


def test_a_job_without_a_group_says_what_may_be_missing():
    job = make_job("j").queue("q").obj()
    assert job_story(job, None, view_of([QUEUE]), NOW)[1:] == [
        "  It has no PodGroup yet: the Job controller makes one; does it run?"
    ]
    assert job_story(job, None, view_of([]), NOW)[1:] == [
        "  There is no queue q: `shoal queue create q` makes it."
    ]


def test_a_job_that_is_over_or_suspended_waits_for_nothing():
    view = view_of([])
    done = make_job("j").phase("Completed").obj()
    assert job_story(done, None, view, NOW) == ["Job default/j is Completed."]
    suspended = make_job("j").phase("Aborted").obj()
    assert job_story(suspended, None, view, NOW)[1] == (
        "  It is suspended: `shoal job resume j` starts it anew."
    )


def test_a_queue_tells_what_it_has_and_why_its_first_group_waits():
    queue = TIGHT.parent("p").weight(2).priority(4)
    view = view_of(
        [queue, make_queue("p")],
        [group("a", cpu="3"), group("b", cpu="1"), group("busy", "Running", cpu="1")],
        [member("b-0", "busy")],
    )
    assert queue_story("q", view, NOW) == [
        "Queue q is Open, of weight 2, priority 4, below p.",
        "  Of cpu it holds 1, deserves 1, may have 3 at most.",
        "  3 PodGroups in it; 2 wait.",
        "  1. PodGroup default/a is Pending for 3m; it needs 1 member, cpu=3.",
        "    Queue q may have 3 cpu at most and holds 1, this needs 3: short by 1.",
        "      It is held by PodGroup default/busy of queue q (1).",
        "      It would do if its capability were 1 cpu higher (spec.capability); or if PodGroup"
        " default/busy ended.",
        "  2. PodGroup default/b is Pending for 3m; it needs 1 member, cpu=1.",
    ]


def test_a_queue_of_which_only_the_first_groups_are_named():
    groups = [group(f"g{place}", cpu="1") for place in range(7)]
    lines = queue_story("q", view_of([QUEUE.spec(dequeueStrategy="fifo")], groups), NOW)
    assert lines[1] == "  7 PodGroups in it; 7 wait."
    assert lines[-2:] == [
        "  2 more wait behind them.",
        "  The queue is fifo: nobody passes the first one.",
    ]
    assert queue_story("q", view_of([QUEUE]), NOW)[-1] == "  No PodGroup is in it."


def test_groups_go_by_what_people_made():
    owner = {"apiVersion": "v1", "kind": "Job", "name": "train", "uid": "u", "controller": True}
    view = view_of([QUEUE], [group("first"), group("train-u").meta(ownerReferences=[owner])])
    assert [title(each) for each in view.line("q")] == [
        "PodGroup default/first",
        "Job default/train",
    ]
