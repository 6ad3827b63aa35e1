"""What is served, and the names that definitions are given."""

import pytest

from shoal.api.resource import Resource
from shoal.api.status import ApiError
from shoal.apiserver.bootstrap import CRDS, apply_crd
from shoal.client.protocol import Client
from shoal.testing.cluster import MemoryCluster
from tests.unit.apiserver.cron_tabs import CRON_TABS, CRON_TABS_BETA, cron_tab, definition, version


def condition(crd, type: str) -> tuple[str, str]:
    found = next(c for c in crd["status"]["conditions"] if c["type"] == type)
    return found["status"], found["reason"]


async def test_a_definition_is_established_when_its_creation_is_answered(client: Client):
    crd = await client.get(CRDS, "crontabs.stable.io")
    assert condition(crd, "NamesAccepted") == ("True", "NoConflicts")
    assert condition(crd, "Established") == ("True", "InitialNamesAccepted")
    assert crd["status"]["acceptedNames"]["shortNames"] == ["ct"]
    assert crd["status"]["storedVersions"] == ["v1"]
    assert (await client.create(CRON_TABS, cron_tab(), "default"))["kind"] == "CronTab"


async def test_names_that_are_taken_are_not_accepted(client: Client):
    rival = definition()
    rival["metadata"]["name"] = "rivals.stable.io"
    rival["spec"]["names"] |= {"plural": "rivals", "singular": "rival"}
    crd = await client.create(CRDS, rival)
    assert condition(crd, "NamesAccepted")[0] == "False"
    assert condition(crd, "Established") == ("False", "NotAccepted")
    rivals = Resource("stable.io", "v1", "rivals", "CronTab", dict)
    with pytest.raises(ApiError, match="could not find the requested resource"):
        await client.list(rivals)


async def test_a_version_that_is_no_longer_served_is_gone_and_its_objects_stay(client: Client):
    await client.create(CRON_TABS_BETA, cron_tab(), "default")
    only = definition()
    only["spec"]["versions"] = [version("v1", storage=True)]
    await apply_crd(client, only)
    with pytest.raises(ApiError, match="could not find the requested resource"):
        await client.list(CRON_TABS_BETA)
    assert len((await client.list(CRON_TABS)).items) == 1


async def test_a_new_schema_rules_from_the_next_write_on(client: Client):
    await client.create(CRON_TABS, cron_tab("before", colour="red"), "default")
    wider = definition()
    spec = wider["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["properties"]["colour"] = {"type": "string", "enum": ["red"]}
    await apply_crd(client, wider)
    made = await client.create(CRON_TABS, cron_tab("after", colour="red"), "default")
    assert made["spec"]["colour"] == "red"
    with pytest.raises(ApiError, match="Unsupported value"):
        await client.create(CRON_TABS, cron_tab("wrong", colour="blue"), "default")


async def test_a_changed_definition_is_applied_twice_without_a_write(
    cluster: MemoryCluster,
):
    before = cluster.core.store.revision
    await apply_crd(cluster.client, definition())
    assert cluster.core.store.revision == before
