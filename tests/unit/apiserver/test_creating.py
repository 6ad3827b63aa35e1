"""create: names, what the server fills in, and what it refuses."""

import pytest

from shoal.api.core import CONFIG_MAPS, NAMESPACES, PRIORITY_CLASSES, SECRETS, SERVICES
from shoal.api.pod import PODS
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.apiserver.creating import create
from shoal.apiserver.requests import FieldValidation, Target, WriteOptions
from shoal.client.protocol import Client
from shoal.testing.cluster import MemoryCluster
from tests.unit.apiserver.cron_tabs import CRON_TABS, CRON_TABS_BETA, cron_tab


def pod(name: str = "web", **spec: object) -> JsonObject:
    containers = [{"name": "main", "image": "busybox"}]
    return {"metadata": {"name": name}, "spec": {"containers": containers, **spec}}


async def test_the_server_writes_uid_time_and_version(client: Client):
    body = {"metadata": {"name": "c", "uid": "mine", "resourceVersion": ""}, "data": {"a": "b"}}
    made = await client.create(CONFIG_MAPS, body, "default")
    assert made.metadata.uid not in {"", "mine"}
    assert made.metadata.creation_timestamp is not None
    assert made.metadata.namespace == "default"
    assert made == await client.get(CONFIG_MAPS, "c", "default")


async def test_the_callers_body_is_left_alone(client: Client):
    body = pod()
    await client.create(PODS, body, "default")
    assert body == pod()


async def test_a_generated_name_has_five_letters_more(client: Client):
    body = {"metadata": {"generateName": "job-"}}
    names = {(await client.create(CONFIG_MAPS, body, "default")).metadata.name for _ in range(50)}
    assert len(names) == 50
    assert all(name.startswith("job-") and len(name) == 9 for name in names)


async def test_what_exists_is_not_created_again(client: Client):
    await client.create(CONFIG_MAPS, {"metadata": {"name": "c"}}, "default")
    with pytest.raises(ApiError, match='configmaps "c" already exists') as raised:
        await client.create(CONFIG_MAPS, {"metadata": {"name": "c"}}, "default")
    assert raised.value.is_already_exists


@pytest.mark.parametrize(
    ("body", "namespace", "code", "text"),
    [
        ({"metadata": {}}, "default", 422, "name or generateName is required"),
        ({"metadata": {"name": "A b"}}, "default", 422, "RFC 1123 subdomain"),
        ({"metadata": {"name": "c"}}, "nowhere", 404, 'namespaces "nowhere" not found'),
        (
            {"metadata": {"name": "c", "namespace": "other"}}, "default", 400,
            "the namespace of the provided object does not match",
        ),
        (
            {"metadata": {"name": "c", "resourceVersion": "1"}}, "default", 400,
            "resourceVersion should not be set on objects to be created",
        ),
        ({"kind": "Secret", "metadata": {"name": "c"}}, "default", 400, "Secret"),
        ({"apiVersion": "v2", "metadata": {"name": "c"}}, "default", 400, "does not match"),
        ({"metadata": {"name": "c", "labels": {"a": 1}}}, "default", 400, "cannot be handled"),
        ({"metadata": 3}, "default", 400, "cannot be handled"),
        ({"metadata": {"name": "c"}, "data": {"a": 1}}, "default", 400, "cannot be handled"),
    ],
)  # fmt: skip
async def test_bad_bodies_are_refused(
    client: Client, body: JsonObject, namespace: str, code: int, text: str
):
    with pytest.raises(ApiError, match=text) as raised:
        await client.create(CONFIG_MAPS, body, namespace)
    assert raised.value.code == code


async def test_nothing_is_created_in_a_namespace_that_is_going(client: Client):
    await client.create(NAMESPACES, {"metadata": {"name": "team"}})
    await client.delete(NAMESPACES, "team")
    for metadata in ({"name": "c-"}, {"generateName": "c-"}):
        with pytest.raises(ApiError, match="because it is being terminated") as raised:
            await client.create(CONFIG_MAPS, {"metadata": metadata}, "team")
        assert raised.value.message.startswith('configmaps "c-" is forbidden: unable to create')
    assert raised.value.code == 403
    assert raised.value.details["causes"][0]["reason"] == "NamespaceTerminating"


async def test_a_dry_run_validates_and_stores_nothing(client: Client):
    shown = await client.create(PODS, pod(), "default", dry_run=True)
    assert shown.status.phase == "Pending"
    with pytest.raises(ApiError, match="not found"):
        await client.get(PODS, "web", "default")
    with pytest.raises(ApiError, match="invalid"):
        await client.create(PODS, pod("A b"), "default", dry_run=True)


async def test_a_pod_starts_pending_with_its_defaults(client: Client):
    made = await client.create(PODS, pod(), "default")
    assert (made.status.phase, made.status.qos_class) == ("Pending", "BestEffort")
    assert made.spec.service_account_name == "default"
    assert (made.spec.priority, made.spec.preemption_policy) == (0, "PreemptLowerPriority")
    assert {t.key for t in made.spec.tolerations} == {
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    }
    assert made.metadata.generation == 1


async def test_a_gated_pod_says_so_from_the_start(client: Client):
    made = await client.create(PODS, pod(schedulingGates=[{"name": "wait"}]), "default")
    condition = made.status.conditions[0]
    assert (condition.type, condition.status) == ("PodScheduled", "False")
    assert condition.reason == "SchedulingGated"


async def test_a_pods_priority_is_its_classes(client: Client):
    body = {"metadata": {"name": "high"}, "value": 1000, "preemptionPolicy": "Never"}
    await client.create(PRIORITY_CLASSES, body)
    made = await client.create(PODS, pod(priorityClassName="high"), "default")
    assert (made.spec.priority, made.spec.preemption_policy) == (1000, "Never")
    with pytest.raises(ApiError, match="no PriorityClass with name low was found"):
        await client.create(PODS, pod("b", priorityClassName="low"), "default")


async def test_secrets_keep_text_as_data(client: Client):
    body = {"metadata": {"name": "s"}, "stringData": {"p": "word"}}
    assert (await client.create(SECRETS, body, "default")).data == {"p": "d29yZA=="}


async def test_services_get_addresses_of_their_own(client: Client):
    addresses = {
        (
            await client.create(
                SERVICES, {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}}, "default"
            )
        ).spec.cluster_ip
        for name in ("a", "b", "c")
    }
    assert len(addresses) == 3
    assert all(address.startswith("10.") for address in addresses)


async def test_custom_objects_are_defaulted_and_begin_without_a_status(client: Client):
    body = cron_tab() | {"status": {"replicas": 3}}
    made = await client.create(CRON_TABS, body, "default")
    assert made["spec"]["image"] == "busybox"
    assert "status" not in made
    assert made["metadata"]["generation"] == 1


async def test_every_served_version_shows_the_same_object(client: Client):
    made = await client.create(CRON_TABS_BETA, cron_tab(), "default")
    assert made["apiVersion"] == "stable.io/v1beta1"
    read = await client.get(CRON_TABS, "nightly", "default")
    assert read == made | {"apiVersion": "stable.io/v1"}


async def test_unknown_fields_are_dropped_warned_of_or_refused(cluster: MemoryCluster):
    served = cluster.core.registry.find("stable.io", "v1", "crontabs")
    assert served is not None
    target = Target(served, "default")

    async def attempt(name: str, validation: FieldValidation) -> tuple[str, ...]:
        body = cron_tab(name, colour="red")
        options = WriteOptions(False, validation)
        return (await create(cluster.core, target, body, options)).warnings

    assert await attempt("a", FieldValidation.IGNORE) == ()
    assert await attempt("b", FieldValidation.WARN) == ('unknown field "spec.colour"',)
    with pytest.raises(ApiError, match=r'strict decoding error: unknown field "spec\.colour"'):
        await attempt("c", FieldValidation.STRICT)
    read = await cluster.client.get(CRON_TABS, "b", "default")
    assert "colour" not in read["spec"]
