"""A rehearsal does what an API server would, and what a test tells it to."""

from typing import Any

import pytest

from shoal.api.core import NAMESPACES
from shoal.scheduler.effects import SetCondition
from shoal.scheduler.framework.status import SUCCESS, Status, unschedulable
from shoal.testing import START, Enabled, Rehearsal, make_node, make_pod
from tests.plugins import answering, plugin

NODE = make_node("n").capacity(cpu="4", memory="8Gi")
POD = make_pod("a").req(cpu="3")
CONFIGURATION = """
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: mine
  plugins: {multiPoint: {enabled: [{name: Mine}]}}
"""


def rehearse(**options: Any) -> Rehearsal:
    rehearsal = Rehearsal(**options)
    rehearsal.add(NODE, POD)
    return rehearsal


def test_nothing_happens_before_it_runs() -> None:
    rehearsal = rehearse()
    assert rehearsal.node_of(POD) is None
    rehearsal.run()
    assert rehearsal.node_of(POD) == rehearsal.node_of("a") == rehearsal.node_of("default/a") == "n"
    assert rehearsal.events_of("a") == ["Successfully assigned default/a to n"]


def test_bindings_stay_open_until_they_are_confirmed_or_fail() -> None:
    rehearsal = rehearse()
    rehearsal.is_holding_binds = True
    rehearsal.run()
    assert list(rehearsal.open_binds) == ["default/a"]
    rehearsal.fail("a", "no such node")
    rehearsal.run()
    assert (rehearsal.node_of("a"), rehearsal.message_of("a")) == (None, "no such node")
    rehearsal.advance(3)
    rehearsal.confirm("a")
    assert rehearsal.node_of("a") == "n"


def test_a_binding_can_be_made_to_fail_once() -> None:
    rehearsal = rehearse()
    rehearsal.fail_next_bind("conflict")
    rehearsal.run()
    assert rehearsal.message_of("a") == "conflict"
    rehearsal.advance(3)
    assert rehearsal.node_of("a") == "n"


def test_time_stops_at_everything_that_comes_due() -> None:
    rehearsal = rehearse()
    rehearsal.add(make_pod("b").req(cpu="3"))
    rehearsal.advance(1000)
    told = [each for each in rehearsal.effects if isinstance(each, SetCondition)]
    assert len(rehearsal.events_of("b")) == 4, "at first, and every five minutes"
    assert len(told) == 1, "the condition only where it says something new"
    assert (rehearsal.now - START).total_seconds() == 1000


def test_what_is_deleted_is_gone() -> None:
    rehearsal = rehearse()
    rehearsal.run()
    rehearsal.delete(POD, NODE)
    with pytest.raises(KeyError):
        rehearsal.node_of("a")
    rehearsal.add(make_pod("b"))
    rehearsal.run()
    assert rehearsal.message_of("b") == "no nodes available to schedule pods"


def test_pods_of_one_name_in_two_namespaces_are_two() -> None:
    rehearsal = rehearse()
    rehearsal.add(make_pod("a").namespace("other").uid("other-a").req(cpu="9"))
    rehearsal.run()
    assert (rehearsal.node_of("a"), rehearsal.node_of("other/a")) == ("n", None)


def test_a_configuration_says_which_profile_there_is() -> None:
    def refuse(state: Any, pod: Any, node: Any) -> Status:
        return unschedulable("no")

    rehearsal = Rehearsal(plugin(filter=refuse), configuration=CONFIGURATION)
    rehearsal.add(NODE, POD, make_pod("b").scheduler("mine"))
    rehearsal.run()
    assert rehearsal.message_of("b").startswith("0/1 nodes are available: 1 no.")
    assert rehearsal.message_of("a") == "", "no scheduler is responsible"


def test_plugins_find_the_objects_that_they_need() -> None:
    class Reader:
        name = "Reader"
        needs = (NAMESPACES,)

        def __init__(self, arguments: Any, handle: Any) -> None:
            self.objects = handle.objects

        def filter(self, state: Any, pod: Any, node: Any) -> Status:
            found = self.objects.get(NAMESPACES, "", pod.namespace)
            return SUCCESS if found else unschedulable("its namespace is unknown")

    rehearsal = Rehearsal(Enabled(Reader))
    rehearsal.add(NODE, POD)
    rehearsal.run()
    assert "1 its namespace is unknown." in rehearsal.message_of("a")
    rehearsal.put(NAMESPACES, {"metadata": {"name": "default"}})
    rehearsal.advance(5)
    assert rehearsal.node_of("a") == "n"
    rehearsal.remove(NAMESPACES, "default")
    rehearsal.add(make_pod("b"))
    rehearsal.run()
    assert "1 its namespace is unknown." in rehearsal.message_of("b")


def test_the_default_plugins_can_be_left_out() -> None:
    rehearsal = Rehearsal(plugin(filter=answering(SUCCESS)), without=("NodeResourcesFit",))
    rehearsal.add(NODE, POD.req(cpu="99"))
    rehearsal.run()
    assert rehearsal.node_of("a") == "n"
