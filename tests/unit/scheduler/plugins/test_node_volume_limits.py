"""A node attaches so many volumes of a driver and no more."""

from shoal.api.resource import JsonObject
from shoal.api.storage import CLAIMS, CSI_NODES, PERSISTENT_VOLUMES, STORAGE_CLASSES
from shoal.testing.builders import make_node, make_pod
from shoal.testing.rehearsal import Rehearsal
from tests.volumes import claim, storage_class, volume

TEXT = "0/1 nodes are available: 1 node(s) exceed max volume count."


def csi_node(name: str, **limits: int) -> JsonObject:
    drivers = [
        {"name": driver, "nodeID": name, "allocatable": {"count": count}}
        for driver, count in limits.items()
    ]
    return {"metadata": {"name": name}, "spec": {"drivers": drivers}}


def start(**limits: int) -> Rehearsal:
    """One node; claims c0, c1, ... with a volume of driver `d` each, c9 with one of `e`."""
    rehearsal = Rehearsal()
    rehearsal.add(make_node("n").capacity(cpu="8"))
    if limits:
        rehearsal.put(CSI_NODES, csi_node("n", **limits))
    for number in (0, 1, 2, 3, 9):
        csi = {"driver": "e" if number == 9 else "d", "volumeHandle": f"h{number}"}
        rehearsal.put(PERSISTENT_VOLUMES, volume(f"v{number}", csi=csi))
        rehearsal.put(CLAIMS, claim(f"c{number}", f"v{number}"))
    return rehearsal


def place(rehearsal: Rehearsal, name: str, *claims: str) -> str | None:
    pod = make_pod(name)
    for each in claims:
        pod = pod.claim(each)
    rehearsal.add(pod)
    rehearsal.run()
    return rehearsal.node_of(name)


def test_volumes_are_counted_by_driver() -> None:
    rehearsal = start(d=2)
    assert place(rehearsal, "a", "c0") == "n"
    assert place(rehearsal, "b", "c1", "c2") is None
    assert rehearsal.message_of("b").startswith(TEXT)
    assert place(rehearsal, "c", "c1", "c9") == "n"


def test_a_volume_that_is_there_already_costs_nothing() -> None:
    rehearsal = start(d=1)
    assert place(rehearsal, "a", "c0") == "n"
    assert place(rehearsal, "b", "c0") == "n"
    assert place(rehearsal, "c", "c1") is None


def test_without_a_limit_nothing_is_counted() -> None:
    for rehearsal in (start(), start(e=1)):
        assert place(rehearsal, "a", "c0", "c1", "c2", "c3") == "n"


def test_a_volume_that_its_class_will_make_counts_too() -> None:
    rehearsal = start(d=1)
    rehearsal.put(STORAGE_CLASSES, storage_class("s", "WaitForFirstConsumer", provisioner="d"))
    rehearsal.put(CLAIMS, claim("new", storage_class="s"))
    assert place(rehearsal, "a", "c0") == "n"
    assert place(rehearsal, "b", "new") is None
    assert rehearsal.message_of("b").startswith(TEXT)


def test_a_raised_limit_and_a_pod_that_ends_wake_who_waits() -> None:
    rehearsal = start(d=1)
    assert place(rehearsal, "a", "c0") == "n"
    assert place(rehearsal, "b", "c1") is None
    rehearsal.put(CSI_NODES, csi_node("n", d=2))
    rehearsal.advance(60)
    assert rehearsal.node_of("b") == "n"
    assert place(rehearsal, "c", "c2") is None
    rehearsal.put(CSI_NODES, csi_node("n", d=1))
    rehearsal.advance(60)
    assert len(rehearsal.events_of("c")) == 1
    rehearsal.delete(make_pod("a"), make_pod("b"))
    rehearsal.advance(60)
    assert rehearsal.node_of("c") == "n"


def test_room_is_made_for_volumes_on_one_of_several_nodes() -> None:
    rehearsal = start(d=1)
    rehearsal.add(*(make_node(name).capacity(cpu="8") for name in ("m", "o")))
    rehearsal.put(CSI_NODES, csi_node("m", d=1))
    rehearsal.put(CSI_NODES, csi_node("o", d=0))
    for name, on in (("a", "n"), ("b", "m")):
        priority = 5 if on == "m" else 0
        rehearsal.add(make_pod(name).claim("c0" if on == "n" else "c1").priority(priority).node(on))
    rehearsal.add(make_pod("high").claim("c2").priority(2))
    rehearsal.advance(30)
    assert rehearsal.node_of("high") == "n"
    assert rehearsal.node_of("b") == "m"
