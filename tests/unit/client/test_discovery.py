"""What a server serves, as the command line asks for it."""

import pytest

from shoal.api.crds import all_crds
from shoal.client.discovery import ServedResource, discover, find
from shoal.testing.cluster import memory_cluster


@pytest.fixture
async def served() -> list[ServedResource]:
    async with memory_cluster(crds=all_crds()) as cluster:
        return await discover(cluster.client)


async def test_each_resource_is_found_once_in_its_preferred_version(served) -> None:
    tasks = [each for each in served if each.resource.plural == "tasks"]
    assert [(each.resource.version, each.versions) for each in tasks] == [
        ("v1", ("v1", "v1alpha1"))
    ]


@pytest.mark.parametrize(
    ("word", "plural"),
    [
        ("pods", "pods"),
        ("Pod", "pods"),
        ("po", "pods"),
        ("deployments.apps", "deployments"),
        ("deployments.v1.apps", "deployments"),
        ("dep", "dynamicexecutorpools"),
        ("task.ploto.io", "tasks"),
    ],
)
async def test_resources_are_found_by_what_people_call_them(served, word, plural) -> None:
    found = find(served, word)
    assert found is not None
    assert found.resource.plural == plural


async def test_nothing_is_found_under_a_foreign_group(served) -> None:
    assert find(served, "pods.example.com") is None
