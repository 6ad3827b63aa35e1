"""Random sequences of writes against a model of one custom kind.

The model is a dict of what each object should hold. After every step the answers agree with it;
at the end a list does, and so does what a watch from before the first step has told.
"""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.client.protocol import Client, DeleteOptions, PatchType
from shoal.testing.cluster import memory_cluster
from tests.unit.apiserver.cron_tabs import CRON_TABS, definition

NAMES = ("a", "b")
HOLD = "ex.io/hold"
names = st.sampled_from(NAMES)
numbers = st.integers(0, 3)
versions = st.sampled_from(["none", "current", "stale"])


@dataclass(frozen=True, slots=True)
class Create:
    name: str
    replicas: int
    is_held: bool


@dataclass(frozen=True, slots=True)
class Replace:
    name: str
    replicas: int
    version: str


@dataclass(frozen=True, slots=True)
class PatchSpec:
    name: str
    replicas: int
    type: PatchType
    version: str


@dataclass(frozen=True, slots=True)
class PatchStatus:
    name: str
    replicas: int


@dataclass(frozen=True, slots=True)
class Release:
    name: str


@dataclass(frozen=True, slots=True)
class Delete:
    name: str
    is_of_another: bool


Step = Create | Replace | PatchSpec | PatchStatus | Release | Delete
steps = st.one_of(
    st.builds(Create, names, numbers, st.booleans()),
    st.builds(Replace, names, numbers, versions),
    st.builds(
        PatchSpec, names, numbers, st.sampled_from([PatchType.JSON, PatchType.MERGE]), versions
    ),
    st.builds(PatchStatus, names, numbers),
    st.builds(Release, names),
    st.builds(Delete, names, st.booleans()),
)


@dataclass(slots=True)
class Expected:
    replicas: int
    is_held: bool
    status: int | None = None
    is_going: bool = False
    generation: int = 1


@dataclass
class Model:
    objects: dict[str, Expected] = field(default_factory=dict)

    def set_replicas(self, name: str, replicas: int) -> None:
        found = self.objects[name]
        found.generation += found.replicas != replicas
        found.replicas = replicas

    def apply(self, step: Step) -> str:
        """The reason of the expected refusal, or nothing."""
        found = self.objects.get(step.name)
        match step, found:
            case Create(name, replicas, is_held), None:
                self.objects[name] = Expected(replicas, is_held)
            case Create(), _:
                return "AlreadyExists"
            case _, None:
                return "NotFound"
            case Replace(version="none"), _:
                return "Invalid"
            case ((Replace(version="stale") | PatchSpec(version="stale")), _):
                return "Conflict"
            case ((Replace(name, replicas) | PatchSpec(name, replicas)), _):
                self.set_replicas(name, replicas)
            case PatchStatus(_, replicas), _:
                found.status = replicas
            case Release(name), _:
                found.is_held = False
                if found.is_going:
                    del self.objects[name]
            case Delete(is_of_another=True), _:
                return "Conflict"
            case Delete(name), _ if found.is_held:
                found.generation += not found.is_going
                found.is_going = True
            case Delete(name), _:
                del self.objects[name]
        return ""


async def version_of(client: Client, name: str, wanted: str) -> dict[str, str]:
    if wanted == "none":
        return {}
    if wanted == "stale":
        return {"resourceVersion": "1"}
    try:
        read = await client.get(CRON_TABS, name, "default")
    except ApiError:
        return {"resourceVersion": "2"}
    return {"resourceVersion": read["metadata"]["resourceVersion"]}


async def carry_out(client: Client, step: Step) -> None:
    match step:
        case Create(name, replicas, is_held):
            metadata: JsonObject = {"name": name, "finalizers": [HOLD] if is_held else []}
            body = {"metadata": metadata, "spec": {"replicas": replicas}}
            await client.create(CRON_TABS, body, "default")
        case Replace(name, replicas, version):
            metadata = {"name": name, **await version_of(client, name, version)}
            try:
                read = await client.get(CRON_TABS, name, "default")
                metadata["finalizers"] = read["metadata"].get("finalizers")
            except ApiError:
                pass
            body = {"metadata": metadata, "spec": {"replicas": replicas}}
            await client.replace(CRON_TABS, body, name, "default")
        case PatchSpec(name, replicas, PatchType.MERGE, version):
            patch = {
                "metadata": await version_of(client, name, version),
                "spec": {"replicas": replicas},
            }
            await client.patch(CRON_TABS, name, patch, "default")
        case PatchSpec(name, replicas, type, version):
            operations = [{"op": "replace", "path": "/spec/replicas", "value": replicas}]
            operations += [
                {"op": "replace", "path": "/metadata/resourceVersion", "value": value}
                for value in (await version_of(client, name, version)).values()
            ]
            await client.patch(CRON_TABS, name, operations, "default", type=type)
        case PatchStatus(name, replicas):
            patch = {"status": {"replicas": replicas}}
            await client.patch(CRON_TABS, name, patch, "default", subresource="status")
        case Release(name):
            patch = {"metadata": {"finalizers": None}}
            await client.patch(CRON_TABS, name, patch, "default")
        case Delete(name, is_of_another):
            options = DeleteOptions(uid="another" if is_of_another else "")
            await client.delete(CRON_TABS, name, "default", options)


def seen(obj: JsonObject) -> Expected:
    metadata = obj["metadata"]
    return Expected(
        obj["spec"]["replicas"],
        HOLD in metadata.get("finalizers", []),
        obj.get("status", {}).get("replicas"),
        "deletionTimestamp" in metadata,
        metadata["generation"],
    )


@settings(max_examples=60)
@given(st.lists(steps, max_size=20))
async def test_every_sequence_of_writes_leaves_what_the_model_says(sequence: list[Step]):
    async with memory_cluster(crds=[definition()]) as cluster:
        client = cluster.client
        start = str(cluster.core.store.revision)
        model = Model()
        for step in sequence:
            reason = model.apply(step)
            try:
                await carry_out(client, step)
                assert not reason, step
            except ApiError as error:
                assert error.reason == reason, (step, error)
            listed = await client.list(CRON_TABS, "default")
            found = {item["metadata"]["name"]: seen(item) for item in listed.items}
            assert found == model.objects, step
        assert await _told(client, start, cluster.core.store.revision) == model.objects


async def _told(client: Client, start: str, end: int) -> dict[str, Expected]:
    """What a watch that heard everything makes of it."""
    told: dict[str, Expected] = {}
    versions = [int(start)]
    if versions[0] == end:
        return told
    async with client.watch(CRON_TABS, "default", resource_version=start) as events:
        async for event in events:
            assert event.object is not None
            name = event.object["metadata"]["name"]
            versions.append(int(event.resource_version))
            assert event.object["metadata"]["resourceVersion"] == event.resource_version
            assert (event.type == "ADDED") == (name not in told)
            if event.type == "DELETED":
                del told[name]
            else:
                told[name] = seen(event.object)
            if versions[-1] == end:
                break
    assert versions == sorted(set(versions))
    return told
