"""A user's plugin between the choice of a node and its binding: Reserve, PreBind, Bind."""

from typing import Any

import pytest

from shoal.scheduler import effects
from shoal.scheduler.effects import Bind
from shoal.scheduler.framework import status as statuses
from shoal.scheduler.framework.status import SKIP, SUCCESS, Status
from shoal.scheduler.queueing.rooms import Room
from shoal.testing import Rehearsal, make_node, make_pod
from tests.plugins import answering, noting, plugin

POD = make_pod("a").req(cpu="1")
N1, N2 = (make_node(name).capacity(cpu="4", memory="8Gi") for name in ("n1", "n2"))
NO = statuses.unschedulable("no")
NEVER = statuses.unresolvable("never")
BROKEN = statuses.error("broken")


def rehearse(*plugins: Any, without: tuple[str, ...] = ()) -> Rehearsal:
    rehearsal = Rehearsal(*plugins, without=without)
    rehearsal.add(N1, N2, POD)
    rehearsal.run()
    return rehearsal


class TestReserve:
    @pytest.mark.parametrize(
        ("answer", "text"),
        [
            (NO, "0/1 nodes are available: 1 no."),
            (NEVER, "0/1 nodes are available: 1 never."),
            (BROKEN, 'running Reserve plugin "B": broken'),
        ],
    )
    def test_a_refusal_unreserves_all_last_first_even_those_that_were_not_asked(
        self, answer: Status, text: str
    ) -> None:
        log: list[str] = []
        answers = {"A": SUCCESS, "B": answer, "C": SUCCESS}
        rehearsal = rehearse(
            *(
                plugin(
                    name,
                    reserve=noting(log, f"reserve {name}", said),
                    unreserve=noting(log, f"unreserve {name}", None),
                )
                for name, said in answers.items()
            )
        )
        assert log == ["reserve A", "reserve B", "unreserve C", "unreserve B", "unreserve A"]
        assert rehearsal.message_of("a") == text

    def test_what_was_refused_takes_no_room(self) -> None:
        rehearsal = rehearse(
            plugin(
                reserve=lambda state, pod, node_name: NO if pod.name == "a" else SUCCESS,
                unreserve=answering(None),
            )
        )
        rehearsal.add(*(make_pod(name).req(cpu="4") for name in "bc"))
        rehearsal.run()
        assert {rehearsal.node_of("b"), rehearsal.node_of("c")} == {"n1", "n2"}


class TestBind:
    def test_skip_asks_the_next_one(self) -> None:
        rehearsal = rehearse(
            plugin("A", bind=answering((None, SKIP))),
            plugin(
                "B",
                bind=lambda state, pod, node_name, before: (
                    Bind(effects.ref(pod.object), node_name, "B", before),
                    SUCCESS,
                ),
            ),
            without=("DefaultBinder",),
        )
        [bind] = [each for each in rehearsal.effects if isinstance(each, Bind)]
        assert bind.plugin == "B"

    def test_the_default_binder_is_asked_before_plugins_behind_it(self) -> None:
        rehearsal = rehearse(plugin(bind=answering((None, BROKEN))))
        assert rehearsal.node_of("a") == "n1"

    def test_pre_bind_skip_wants_nothing(self) -> None:
        assert rehearse(plugin(pre_bind=answering(((), SKIP)))).node_of("a") == "n1"

    @pytest.mark.parametrize(
        ("points", "text"),
        [
            ({"pre_bind": answering(((), NO))}, "0/1 nodes are available: 1 no."),
            ({"pre_bind": answering(((), BROKEN))}, 'running PreBind plugin "Mine": broken'),
        ],
    )
    def test_a_refusal_unreserves_and_comes_back_after_a_back_off_without_an_event(
        self, points: dict[str, Any], text: str
    ) -> None:
        log: list[str] = []
        reserve = {"reserve": answering(SUCCESS), "unreserve": noting(log, "unreserved", None)}
        rehearsal = rehearse(plugin(**points, **reserve))
        assert log == ["unreserved"]
        assert rehearsal.message_of("a") == text
        assert rehearsal.scheduler.statistics()[Room.BACKOFF] == 1
        rehearsal.advance(3)
        assert log == ["unreserved"] * 2
