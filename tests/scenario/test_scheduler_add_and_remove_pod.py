"""AddPod and RemovePod: preemption asks a user's plugin what would be if pods came or went."""

from typing import Any

from shoal.scheduler.events import Tick
from shoal.scheduler.framework import status as statuses
from shoal.scheduler.framework.status import SUCCESS, Status
from shoal.testing import Rehearsal, make_node, make_pod
from tests.plugins import answering, noting, plugin

NODE = make_node("n1").capacity(cpu="4", memory="8Gi")
PREEMPTING = """
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- plugins: {multiPoint: {enabled: [{name: DefaultPreemption}, {name: Mine}]}}
"""


def rehearse(log: list[str], removed: Status = SUCCESS) -> Rehearsal:
    """Pod `a` needs the room of pod `low`."""

    def noting_pod(what: str, answer: Status) -> Any:
        def ask(state: Any, pod: Any, other: Any, node: Any) -> Status:
            log.append(f"{what} {other.name} for {pod.name} on {node.name}")
            return answer

        return ask

    mine = plugin(
        pre_filter=answering((None, SUCCESS)),
        filter=noting(log, "filter", SUCCESS),
        add_pod=noting_pod("add", SUCCESS),
        remove_pod=noting_pod("remove", removed),
    )
    rehearsal = Rehearsal(mine, configuration=PREEMPTING)
    rehearsal.add(NODE, make_pod("low").req(cpu="3").node("n1"))
    rehearsal.add(make_pod("a").req(cpu="3").priority(10))
    return rehearsal


def test_a_plugin_is_told_of_pods_that_would_go_and_of_those_that_might_stay() -> None:
    log: list[str] = []
    rehearsal = rehearse(log)
    rehearsal.tell(Tick(max_cycles=1))
    assert log == [
        "remove low for a on n1",
        "filter",
        "add low for a on n1",
        "remove low for a on n1",
    ]
    rehearsal.advance(5)
    assert rehearsal.node_of("a") == "n1"


def test_what_fails_there_spares_the_victim_and_is_said() -> None:
    log: list[str] = []
    rehearsal = rehearse(log, removed=statuses.error("broken"))
    rehearsal.run()
    assert rehearsal.node_of("low") == "n1"
    assert 'running RemovePod on PreFilter plugin "Mine": broken' in rehearsal.message_of("a")


def test_a_pod_of_less_importance_is_judged_with_those_that_a_node_is_kept_for() -> None:
    log: list[str] = []
    rehearsal = rehearse(log)
    rehearsal.tell(Tick(max_cycles=1))
    rehearsal.add(make_pod("b").req(cpu="500m"))
    rehearsal.tell(Tick(max_cycles=1))
    assert "add a for b on n1" in log
    assert rehearsal.node_of("b") == "n1"
