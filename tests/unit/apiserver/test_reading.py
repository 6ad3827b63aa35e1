"""list: selectors, chunks, and lists as they were."""

import pytest

from shoal.api.core import CONFIG_MAPS
from shoal.api.node import NODES
from shoal.api.pod import PODS
from shoal.api.status import ApiError
from shoal.apiserver.reading import list_values
from shoal.apiserver.requests import ListOptions, Target
from shoal.client.protocol import Client
from shoal.store.memory import MemoryStore
from shoal.store.published import Retention
from shoal.testing.cluster import MemoryCluster, memory_cluster

MAPS = CONFIG_MAPS.untyped()


async def make(client: Client, *names: str) -> None:
    for name in names:
        labels = {"parity": "even" if len(name) % 2 == 0 else "odd"}
        body = {"metadata": {"name": name, "labels": labels}}
        await client.create(MAPS, body, "default")


def names(listed) -> list[str]:
    return [item["metadata"]["name"] for item in listed.items]


async def test_chunks_show_the_list_as_it_was_at_the_first(client: Client):
    await make(client, "a", "c", "e", "g")
    first = await client.list(MAPS, "default", limit=2)
    await make(client, "d", "z")
    await client.delete(MAPS, "e", "default")
    await client.patch(MAPS, "g", {"data": {"new": "yes"}}, "default")
    rest = await client.list(MAPS, "default", limit=5, continue_token=first.continue_token)
    assert names(first) + names(rest) == ["a", "c", "e", "g"]
    assert "data" not in rest.items[-1]
    assert rest.resource_version == first.resource_version
    assert not rest.continue_token


async def test_only_whole_lists_say_how_much_remains(cluster: MemoryCluster):
    await make(cluster.client, "a", "b", "c")
    served = cluster.core.registry.find("", "v1", "configmaps")
    assert served is not None
    listed = list_values(cluster.core, Target(served, "default"), ListOptions(limit=1))
    assert listed.metadata["remainingItemCount"] == 2


async def test_chunks_of_a_selection_hold_as_many_matches(client: Client):
    await make(client, "a", "bb", "c", "dd", "e")
    first = await client.list(MAPS, "default", label_selector="parity=odd", limit=2)
    rest = await client.list(
        MAPS, "default", label_selector="parity=odd", limit=2,
        continue_token=first.continue_token,
    )  # fmt: skip
    assert (names(first), names(rest)) == (["a", "c"], ["e"])


async def test_a_token_that_is_too_old_asks_for_a_new_list():
    store = MemoryStore(Retention(ring_events=2))
    async with memory_cluster(store=store) as cluster:
        await make(cluster.client, "a", "b", "c")
        first = await cluster.client.list(MAPS, "default", limit=1)
        await make(cluster.client, "d", "e", "f")
        with pytest.raises(ApiError, match="continue parameter is too old") as raised:
            await cluster.client.list(MAPS, continue_token=first.continue_token)
    assert raised.value.is_expired


@pytest.mark.parametrize("token", ["%%%", "e30", "bm9qc29u"])
async def test_a_token_that_nobody_gave_is_refused(client: Client, token: str):
    with pytest.raises(ApiError, match="continue key is not valid") as raised:
        await client.list(MAPS, "default", continue_token=token)
    assert raised.value.code == 400


async def test_a_list_of_the_future_has_to_wait(client: Client):
    with pytest.raises(ApiError, match="Too large resource version") as raised:
        await client.list(MAPS, resource_version="100000")
    assert raised.value.code == 504


async def test_fields_of_the_kind_select(client: Client):
    for name, node in (("a", ""), ("b", "n1")):
        spec = {"containers": [{"name": "m", "image": "x"}], "nodeName": node}
        await client.create(PODS, {"metadata": {"name": name}, "spec": spec}, "default")
    on_node = await client.list(PODS, field_selector="spec.nodeName=n1,status.phase=Pending")
    assert [pod.metadata.name for pod in on_node.items] == ["b"]
    unbound = await client.list(PODS, field_selector="spec.nodeName=,spec.hostNetwork=false")
    assert [pod.metadata.name for pod in unbound.items] == ["a"]
    await client.create(NODES, {"metadata": {"name": "n1"}})
    assert (await client.list(NODES, field_selector="spec.unschedulable=false")).items


@pytest.mark.parametrize(
    ("labels", "fields"), [("a in b", ""), ("", "spec.colour=red"), ("", "nonsense")]
)
async def test_selectors_that_mean_nothing_are_refused(client: Client, labels: str, fields: str):
    with pytest.raises(ApiError) as raised:
        await client.list(PODS, label_selector=labels, field_selector=fields)
    assert raised.value.code == 400
