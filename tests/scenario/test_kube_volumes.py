"""Claims and volumes on a cluster in memory: bound, made, lost, released, and controllers that are
killed on the way."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from shoal.api.core import EVENTS
from shoal.api.pod import PODS
from shoal.api.resource import JsonObject, Resource
from shoal.api.status import ApiError
from shoal.api.storage import (
    BIND_COMPLETED,
    BOUND_BY_CONTROLLER,
    CLAIMS,
    PERSISTENT_VOLUMES,
    PROVISIONED_BY,
    SELECTED_NODE,
    STORAGE_CLASSES,
    PersistentVolume,
    PersistentVolumeClaim,
)
from shoal.base.clock import VirtualClock
from shoal.client.existence import find
from shoal.client.protocol import Client, DeleteOptions
from shoal.controllers.kube.volume_binder import volume_binder_controller
from shoal.controllers.kube.volume_folders import VolumeFolders
from shoal.controllers.kube.volume_protection import volume_protection_controller
from shoal.testing.cluster import memory_cluster
from tests.mortal import MortalClient, in_time, life

NS = "default"


class Shelf:
    """A cluster, and a folder for its volumes."""

    def __init__(self, client: Client, clock: VirtualClock, folder: Path) -> None:
        self.client = client
        self.clock = clock
        self.folder = folder

    def controllers(self, client: Any = None) -> Any:
        def binder(client: Any, informers: Any, recorder: Any, clock: Any) -> Any:
            folders = VolumeFolders(self.folder)
            return volume_binder_controller(client, informers, recorder, clock, folders)

        def protection(client: Any, informers: Any, recorder: Any, clock: Any) -> Any:
            return volume_protection_controller(client, informers, clock)

        return life(client or self.client, self.clock, binder, protection)

    async def claim(self, name: str = "data", size: str = "1Gi", **spec: Any) -> None:
        body: JsonObject = {
            "metadata": {"name": name},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": size}},
                **spec,
            },
        }
        await self.client.create(CLAIMS, body, NS)

    async def volume(
        self,
        name: str,
        size: str = "5Gi",
        labels: dict[str, str] | None = None,
        annotations: dict[str, str] | None = None,
        **spec: Any,
    ) -> None:
        body: JsonObject = {
            "metadata": {"name": name, "labels": labels or {}, "annotations": annotations or {}},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "capacity": {"storage": size},
                "hostPath": {"path": f"/srv/{name}"},
                **spec,
            },
        }
        await self.client.create(PERSISTENT_VOLUMES, body)

    async def storage_class(self, name: str, **fields: Any) -> None:
        body = {"metadata": {"name": name}, "provisioner": "shoal.io/local-folder", **fields}
        await self.client.create(STORAGE_CLASSES, body)

    async def select_node(self, name: str = "data") -> None:
        """As the scheduler does."""
        patch = {"metadata": {"annotations": {SELECTED_NODE: "n"}}}
        await self.client.patch(CLAIMS, name, patch, NS)

    async def read(self, name: str = "data") -> PersistentVolumeClaim:
        return await self.client.get(CLAIMS, name, NS)

    async def read_volume(self, name: str) -> PersistentVolume:
        return await self.client.get(PERSISTENT_VOLUMES, name)

    async def until(self, what: str, look: Callable[[], Awaitable[Any]]) -> Any:
        return await in_time(self.clock, look, what)

    async def until_bound(self, name: str = "data") -> PersistentVolume:
        async def is_bound() -> PersistentVolume | None:
            claim = await self.read(name)
            if claim.status.phase != "Bound":
                return None
            volume = await self.read_volume(claim.spec.volume_name)
            reference = volume.spec.claim_ref
            assert reference and reference.uid == claim.metadata.uid
            return volume if volume.status.phase == "Bound" else None

        return await self.until(f"{name} is bound", is_bound)

    async def until_phase(self, name: str, phase: str) -> None:
        async def has_phase() -> bool:
            return (await self.read_volume(name)).status.phase == phase

        await self.until(f"{name} is {phase}", has_phase)

    async def until_gone(self, resource: Resource[Any], name: str, namespace: str = "") -> None:
        async def is_gone() -> bool:
            return await find(self.client, resource, name, namespace) is None

        await self.until(f"{name} is gone", is_gone)

    async def until_told(self, reason: str, message: str) -> None:
        async def is_told() -> bool:
            events = (await self.client.list(EVENTS)).items
            return (reason, message) in [(event.reason, event.message) for event in events]

        await self.until(f"{reason}: {message}", is_told)

    async def pod(self, name: str, claim: str = "data", node: str = "n") -> None:
        body: JsonObject = {
            "metadata": {"name": name},
            "spec": {
                "containers": [{"name": "c", "image": "i"}],
                "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": claim}}],
                **({"nodeName": node} if node else {}),
            },
        }
        await self.client.create(PODS, body, NS)

    async def end_pod(self, name: str) -> None:
        await self.client.delete(PODS, name, NS, DeleteOptions(grace_period_s=0))


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncGenerator[Shelf]:
    clock = VirtualClock()
    async with memory_cluster(clock=clock) as cluster:
        yield Shelf(cluster.client, clock, tmp_path / "volumes")


async def test_a_claim_waits_for_its_pods_node_and_then_gets_a_folder(shelf: Shelf):
    await shelf.claim()
    async with shelf.controllers():
        await shelf.until_told(
            "WaitForFirstConsumer", "waiting for first consumer to be created before binding"
        )
        await shelf.pod("reader", node="")
        await shelf.until_told("WaitForPodScheduled", "waiting for pod reader to be scheduled")
        assert not shelf.folder.exists()
        await shelf.select_node()
        volume = await shelf.until_bound()
        claim = await shelf.read()
        name = f"pvc-{claim.metadata.uid}"
        await shelf.until_told("ProvisioningSucceeded", f"Successfully provisioned volume {name}")
    assert claim.spec.storage_class_name == volume.class_name == "standard"
    assert claim.spec.volume_name == volume.metadata.name == name
    assert claim.status.capacity == {"storage": "1Gi"}
    assert claim.status.access_modes == ["ReadWriteOnce"]
    annotations = claim.metadata.annotations
    assert annotations[BIND_COMPLETED] == annotations[BOUND_BY_CONTROLLER] == "yes"
    assert volume.metadata.annotations[PROVISIONED_BY] == "shoal.io/local-folder"
    assert volume.spec.host_path is not None
    assert Path(volume.spec.host_path.path) == shelf.folder / claim.metadata.uid
    assert (shelf.folder / claim.metadata.uid).is_dir()


async def test_a_claim_of_an_immediate_class_waits_for_nobody(shelf: Shelf):
    await shelf.storage_class("now", volumeBindingMode="Immediate")
    await shelf.claim(storageClassName="now")
    async with shelf.controllers():
        await shelf.until_bound()


async def test_of_the_volumes_made_by_hand_the_smallest_that_suits_is_taken(shelf: Shelf):
    await shelf.volume("small", "1Gi")
    await shelf.volume("large", "9Gi", {"disk": "fast"})
    await shelf.volume("middle", "5Gi", {"disk": "fast"})
    await shelf.volume("many", "4Gi", {"disk": "fast"}, accessModes=["ReadOnlyMany"])
    selector = {"matchLabels": {"disk": "fast"}}
    await shelf.claim(size="2Gi", storageClassName="", selector=selector)
    async with shelf.controllers():
        volume = await shelf.until_bound()
        assert volume.metadata.name == "middle"
        assert (await shelf.read()).status.capacity == {"storage": "5Gi"}
        await shelf.until_phase("large", "Available")


async def test_a_claim_that_nothing_suits_is_bound_as_soon_as_something_does(shelf: Shelf):
    await shelf.claim(storageClassName="")
    async with shelf.controllers():
        await shelf.until_told(
            "FailedBinding",
            "no persistent volumes available for this claim and no storage class is set",
        )
        await shelf.volume("late")
        assert (await shelf.until_bound()).metadata.name == "late"


async def test_two_claims_never_get_one_volume(shelf: Shelf):
    await shelf.volume("only")
    await shelf.claim("a", storageClassName="")
    await shelf.claim("b", storageClassName="")
    async with shelf.controllers():

        async def phases() -> bool:
            found = [(await shelf.read(name)).status.phase for name in "ab"]
            return sorted(found) == ["Bound", "Pending"]

        await shelf.until("one is bound", phases)


async def test_a_claim_may_name_its_volume(shelf: Shelf):
    await shelf.volume("mine", "1Gi")
    await shelf.claim(size="2Gi", storageClassName="", volumeName="mine")
    await shelf.claim("fits", storageClassName="", volumeName="mine")
    async with shelf.controllers():
        await shelf.until_told(
            "VolumeMismatch", 'Cannot bind to requested volume "mine": requested PV is too small'
        )
        await shelf.until_bound("fits")
        # It was no controller that chose.
        assert BOUND_BY_CONTROLLER not in (await shelf.read("fits")).metadata.annotations


async def test_a_volume_may_be_promised_to_a_claim(shelf: Shelf):
    reference = {"namespace": NS, "name": "data"}
    await shelf.volume("promised", claimRef=reference, storageClassName="standard")
    await shelf.claim()
    async with shelf.controllers():
        assert (await shelf.until_bound()).metadata.name == "promised"


async def test_a_claim_from_before_the_default_class_gets_it(shelf: Shelf):
    standard = {"metadata": {"annotations": None}}
    await shelf.client.patch(STORAGE_CLASSES, "standard", standard)
    await shelf.claim()
    assert not (await shelf.read()).has_class
    async with shelf.controllers():
        annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
        await shelf.client.patch(
            STORAGE_CLASSES, "standard", {"metadata": {"annotations": annotations}}
        )

        async def has_class() -> bool:
            return (await shelf.read()).class_name == "standard"

        await shelf.until("the default class", has_class)


@pytest.mark.parametrize(
    ("fields", "reason", "message"),
    [
        (None, "ProvisioningFailed", 'storageclass.storage.k8s.io "x" not found'),
        (
            {"provisioner": "kubernetes.io/no-provisioner"},
            "ProvisioningFailed",
            "no volume plugin matched name: kubernetes.io/no-provisioner",
        ),
        (
            {"provisioner": "csi.example.com"},
            "ExternalProvisioning",
            "Waiting for a volume to be created either by the external provisioner "
            "'csi.example.com' or manually by the system administrator. If volume creation is "
            "delayed, please verify that the provisioner is running and correctly registered.",
        ),
    ],
)
async def test_a_claim_says_why_nothing_is_made_for_it(
    shelf: Shelf, fields: JsonObject | None, reason: str, message: str
):
    if fields is not None:
        await shelf.storage_class("x", volumeBindingMode="Immediate", **fields)
    await shelf.claim(storageClassName="x")
    async with shelf.controllers():
        await shelf.until_told(reason, message)
    assert (await shelf.read()).status.phase == "Pending"


async def test_with_its_claim_a_folder_goes_when_no_pod_uses_it(shelf: Shelf):
    await shelf.claim()
    await shelf.select_node()
    async with shelf.controllers():
        volume = await shelf.until_bound()
        folder = shelf.folder / (await shelf.read()).metadata.uid
        (folder / "sub").mkdir()
        (folder / "sub" / "file").write_text("x")
        (folder / "sub").chmod(0o500)
        await shelf.pod("user")
        await shelf.client.delete(CLAIMS, "data", NS)
        await shelf.clock.advance(60)
        assert (await shelf.read()).metadata.deletion_timestamp is not None
        assert (folder / "sub" / "file").exists()
        await shelf.end_pod("user")
        await shelf.until_gone(CLAIMS, "data", NS)
        await shelf.until_gone(PERSISTENT_VOLUMES, volume.metadata.name)
        assert not folder.exists()


async def test_a_retained_volume_keeps_its_folder_and_can_be_given_away_again(shelf: Shelf):
    await shelf.storage_class("kept", reclaimPolicy="Retain")
    await shelf.claim(storageClassName="kept")
    async with shelf.controllers():
        name = (await shelf.until_bound()).metadata.name
        folder = shelf.folder / (await shelf.read()).metadata.uid
        (folder / "file").write_text("x")
        await shelf.client.delete(CLAIMS, "data", NS)
        await shelf.until_phase(name, "Released")
        await shelf.client.patch(PERSISTENT_VOLUMES, name, {"spec": {"claimRef": None}})
        await shelf.until_phase(name, "Available")
        await shelf.claim("heir", storageClassName="kept")
        assert (await shelf.until_bound("heir")).metadata.name == name
        await shelf.client.delete(CLAIMS, "heir", NS)
        await shelf.client.delete(PERSISTENT_VOLUMES, name)
        await shelf.until_gone(PERSISTENT_VOLUMES, name)
        assert (folder / "file").read_text() == "x"


async def test_a_volume_that_nobody_here_can_remove_fails(shelf: Shelf):
    await shelf.volume("foreign", persistentVolumeReclaimPolicy="Delete")
    await shelf.claim(storageClassName="")
    async with shelf.controllers():
        await shelf.until_bound()
        await shelf.client.delete(CLAIMS, "data", NS)
        await shelf.until_phase("foreign", "Failed")
        text = (
            'error getting deleter volume plugin for volume "foreign": '
            "no deletable volume plugin matched"
        )
        await shelf.until_told("VolumeFailedDelete", text)
        assert (await shelf.read_volume("foreign")).status.message == text


async def test_no_folder_outside_is_ever_removed(shelf: Shelf, tmp_path: Path):
    outside = tmp_path / "precious"
    outside.mkdir()
    await shelf.volume(
        "sly",
        annotations={PROVISIONED_BY: "shoal.io/local-folder"},
        hostPath={"path": str(outside)},
        persistentVolumeReclaimPolicy="Delete",
        claimRef={"namespace": NS, "name": "gone", "uid": "1"},
    )
    async with shelf.controllers():
        await shelf.until_phase("sly", "Failed")
    assert outside.exists()


async def test_a_volume_goes_only_after_its_claim_and_a_claim_without_it_is_lost(shelf: Shelf):
    await shelf.volume("mine")
    await shelf.claim(storageClassName="")
    async with shelf.controllers():
        await shelf.until_bound()
        await shelf.client.delete(PERSISTENT_VOLUMES, "mine")
        await shelf.clock.advance(60)
        assert (await shelf.read_volume("mine")).metadata.deletion_timestamp is not None
        forced = {"metadata": {"finalizers": []}}
        await shelf.client.patch(PERSISTENT_VOLUMES, "mine", forced)
        await shelf.until_told(
            "ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
        )
        assert (await shelf.read()).status.phase == "Lost"


async def test_a_claim_grows_only_where_its_class_lets_it(shelf: Shelf):
    await shelf.storage_class("fixed")
    await shelf.storage_class("growing", allowVolumeExpansion=True)
    await shelf.claim("a", storageClassName="fixed")
    await shelf.claim("b", storageClassName="growing")
    larger = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
    with pytest.raises(ApiError, match="Only bound persistent volume claims can be expanded"):
        await shelf.client.patch(CLAIMS, "a", larger, NS)
    async with shelf.controllers():
        await shelf.until_bound("a")
        await shelf.until_bound("b")
        with pytest.raises(ApiError) as refusal:
            await shelf.client.patch(CLAIMS, "a", larger, NS)
        assert refusal.value.message == (
            'persistentvolumeclaims "a" is forbidden: only dynamically provisioned pvc can be '
            "resized and the storageclass that provisions the pvc must support resize"
        )
        await shelf.client.patch(CLAIMS, "b", larger, NS)

        async def has_grown() -> bool:
            return (await shelf.read("b")).status.capacity == {"storage": "2Gi"}

        await shelf.until("b has grown", has_grown)


@pytest.mark.parametrize("writes", range(6))
async def test_a_binder_that_is_killed_between_two_writes_binds_once(shelf: Shelf, writes: int):
    await shelf.claim()
    await shelf.select_node()
    mortal = MortalClient(shelf.client, writes)
    async with shelf.controllers(mortal):
        await shelf.until("death, or the end", lambda: has_died_or_bound(shelf, mortal))
    async with shelf.controllers():
        volume = await shelf.until_bound()
        claim = await shelf.read()
        volumes = (await shelf.client.list(PERSISTENT_VOLUMES)).items
        assert [each.metadata.name for each in volumes] == [volume.metadata.name]
        assert [each.name for each in shelf.folder.iterdir()] == [claim.metadata.uid]


async def has_died_or_bound(shelf: Shelf, mortal: MortalClient) -> bool:
    return mortal.has_died or (await shelf.read()).status.phase == "Bound"


@pytest.mark.parametrize("writes", range(5))
async def test_a_binder_that_is_killed_while_it_removes_leaves_nothing_behind(
    shelf: Shelf, writes: int
):
    await shelf.claim()
    await shelf.select_node()
    async with shelf.controllers():
        name = (await shelf.until_bound()).metadata.name
    await shelf.client.delete(CLAIMS, "data", NS)
    mortal = MortalClient(shelf.client, writes)
    async with shelf.controllers(mortal):

        async def has_died_or_removed() -> bool:
            return mortal.has_died or await find(shelf.client, PERSISTENT_VOLUMES, name) is None

        await shelf.until("death, or the end", has_died_or_removed)
    async with shelf.controllers():
        await shelf.until_gone(CLAIMS, "data", NS)
        await shelf.until_gone(PERSISTENT_VOLUMES, name)
        assert list(shelf.folder.iterdir()) == []
