"""Ports, volumes and images: whatever came and went, the indices say what a new cache says."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shoal.api.meta import ObjectKey
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache
from shoal.scheduler.state.host_ports import HostPort
from shoal.testing.builders import NodeBuilder, PodBuilder, make_node, make_pod

PORTS = (HostPort("TCP", 80, "0.0.0.0"), HostPort("TCP", 80, "10.0.0.1"))
DISK = {"name": "d", "gcePersistentDisk": {"pdName": "d"}}
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["node", "drop", "assume", "forget", "suppose"]),
        st.integers(0, 2),
        st.integers(0, 7),
    ),
    max_size=30,
)


def pod(number: int) -> PodBuilder:
    """Bit by bit: a port, one address of it, a claim and a disk."""
    made = make_pod(f"p{number}").container()
    if number & 1:
        made = made.host_port(80, ip="10.0.0.1" if number & 2 else "")
    if number & 4:
        claim = {"name": "c", "persistentVolumeClaim": {"claimName": "c"}}
        made = made.spec(volumes=[claim, DISK])
    return made


def node(which: int, kind: int) -> NodeBuilder:
    made = make_node(f"n{which}").capacity(cpu="4")
    for bit in range(3):
        if kind & (1 << bit):
            made = made.image(f"i{bit}", kind)
    return made


def said(cache: Cache) -> dict[str, Any]:
    """By node, because rows depend on the order of things."""
    snapshot = cache.snapshot
    names = {info.row: info.name for info in snapshot.nodes()}
    conflicts = {
        port: snapshot.host_ports.conflicts((port,), snapshot.all_rows()) for port in PORTS
    }
    disks = snapshot.volumes.rows_with_disks()
    return {
        "ports": {
            port: {names[row] for row in names if taken[row]} if taken is not None else set()
            for port, taken in conflicts.items()
        },
        "users": snapshot.volumes.user_count(ObjectKey("default", "c")),
        "claims": {name: set(snapshot.volumes.claims_on(row)) for row, name in names.items()},
        "disks": {names[row]: len(found) for row, found in disks},
        "images": {
            bit: {names[r]: size for r, size in snapshot.images.sizes_bytes(f"i{bit}").items()}
            for bit in range(3)
        },
    }


@given(STEPS)
def test_indices_equal_those_built_anew(steps: list[tuple[str, int, int]]) -> None:
    cache = Cache()
    nodes: dict[int, int] = {}
    places: dict[int, int] = {}
    for step, which, number in steps:
        info = pod_info.of(pod(number).obj())
        if step == "node":
            nodes[which] = number
            cache.set_node(node(which, number).obj())
        elif step == "drop" and which in nodes:
            del nodes[which]
            cache.remove_node(f"n{which}")
        elif step == "assume" and number not in places:
            places[number] = which
            cache.assume(info, f"n{which}")
        elif step == "forget" and number in places:
            del places[number]
            cache.forget(info.uid)
        elif step == "suppose" and number in places:
            before = said(cache)
            standing = cache.pod(info.uid)
            assert standing is not None
            with cache.supposing(without=[standing]):
                pass
            assert said(cache) == before
    anew = Cache()
    for which, kind in nodes.items():
        anew.set_node(node(which, kind).obj())
    for number, which in places.items():
        anew.assume(pod_info.of(pod(number).obj()), f"n{which}")
    assert said(cache) == said(anew)
