"""examples/queues as its README has it: `shoal up` with 4 cpu, kubectl, Volcano jobs."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.kubectl import OF_THE_WHEEL, Kubectl
from tests.plane import SHOAL, Plane, plane
from tests.waiting import SLOW_PAUSE_S, eventually

pytestmark = [
    pytest.mark.kubectl,
    pytest.mark.slow,
    pytest.mark.xdist_group("queue-scenarios"),
    pytest.mark.asyncio(loop_scope="module"),
]

EXAMPLES = Path(__file__).parents[2] / "examples" / "queues"
COLUMNS = "custom-columns=NAME:.metadata.name,PHASE:.status.phase,UID:.metadata.uid"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up() -> AsyncIterator[Plane]:
    async with plane("--node-resources", "cpu=4,memory=8Gi") as each:
        yield each


class Scenario:
    """A user with kubectl, and what that shows."""

    def __init__(self, kubectl: Kubectl) -> None:
        self.kubectl = kubectl
        self._applied: list[str] = []

    async def apply(self, name: str) -> None:
        self._applied.append(name)
        await self.kubectl("apply", "-f", str(EXAMPLES / name))

    async def delete(self) -> None:
        """Remove all that was applied, and see it go."""
        for name in self._applied:
            await self.kubectl("delete", "--ignore-not-found", "-f", str(EXAMPLES / name))

        async def is_gone() -> bool:
            return not (await self.kubectl("get", "pods,pg,vcjob", "-o", "name")).split()

        await eventually(is_gone, "everything goes", pause_s=SLOW_PAUSE_S)

    async def pods(self) -> dict[str, str]:
        """Phases by name; with those that are being deleted."""
        lines = (await self.kubectl("get", "pods", "--no-headers", "-o", COLUMNS)).splitlines()
        return {name: phase for name, phase, _ in map(str.split, lines)}

    async def uid(self, pod: str) -> str:
        return await self.kubectl("get", "pod", pod, "-o", "jsonpath={.metadata.uid}")

    async def until(self, **pods: str) -> None:
        """Return when there are exactly these pods, in these phases."""
        expected = {f"{job.replace('_', '-')}-work-0": phase for job, phase in pods.items()}

        async def is_so() -> bool:
            return await self.pods() == expected

        await eventually(is_so, f"pods are {expected}", pause_s=SLOW_PAUSE_S)

    async def reason(self, job: str) -> tuple[str, str]:
        """The phase of a job's PodGroup, and what its Unschedulable condition says."""

        async def found() -> tuple[str, str] | None:
            groups = json.loads(await self.kubectl("get", "pg", "-o", "json"))["items"]
            for group in groups:
                (owner,) = group["metadata"]["ownerReferences"]
                for condition in group.get("status", {}).get("conditions", []):
                    if owner["name"] == job and condition["type"] == "Unschedulable":
                        return group["status"]["phase"], condition["message"]
            return None

        return await eventually(found, f"{job} says why it waits", pause_s=SLOW_PAUSE_S)

    async def told(self, job: str) -> str:
        """What `shoal explain` says of a job."""
        process = await asyncio.create_subprocess_exec(
            SHOAL, "explain", "job", job, "--kubeconfig", self.kubectl.kubeconfig,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await process.communicate()
        assert process.returncode == 0
        return out.decode()


@pytest_asyncio.fixture(loop_scope="module")
async def scenario(up: Plane, tmp_path: Path) -> AsyncIterator[Scenario]:
    each = Scenario(Kubectl(OF_THE_WHEEL, up.kubeconfig, tmp_path))
    try:
        yield each
    finally:
        await each.delete()


async def test_weights_of_one_and_three_let_jobs_of_one_and_three_cpus_run(
    scenario: Scenario,
) -> None:
    await scenario.apply("a-weights.yaml")
    await scenario.until(small="Running", large="Running")


async def test_what_a_queue_borrowed_goes_back_to_its_owner_and_stays_there(
    scenario: Scenario,
) -> None:
    await scenario.apply("b-1-borrow.yaml")
    await scenario.until(own="Running", borrowed="Running")
    own, victim = await scenario.uid("own-work-0"), await scenario.uid("borrowed-work-0")
    await scenario.apply("b-2-reclaim.yaml")
    await scenario.until(own="Running", claim="Running", borrowed="Pending")
    claim, back = await scenario.uid("claim-work-0"), await scenario.uid("borrowed-work-0")
    assert victim != back
    phase, message = await scenario.reason("borrowed")
    assert phase == "Inqueue"
    assert message.endswith("0/1 nodes are available: 1 Insufficient cpu.")
    assert "It is held by Job default/claim of queue owner (3)" in await scenario.told("borrowed")
    # What came back takes nothing back, whoever else comes.
    await scenario.kubectl("label", "node", "--all", "moved=yes")
    await scenario.kubectl("delete", "vcjob", "own")
    await scenario.until(claim="Running", borrowed="Pending")
    assert [claim, back] == [await scenario.uid(f"{job}-work-0") for job in ("claim", "borrowed")]
    assert own != claim
    await scenario.kubectl("delete", "vcjob", "claim")
    await scenario.until(borrowed="Running")
    events = await scenario.kubectl(
        "get", "events", "--field-selector", "reason=Evict,involvedObject.kind=Pod", "-o", "name"
    )
    assert len(events.split()) == 1


async def test_a_job_that_would_pass_its_queue_s_capability_waits_and_says_so(
    scenario: Scenario,
) -> None:
    await scenario.apply("c-capability.yaml")
    await scenario.until(fits="Running")
    assert await scenario.reason("too-large") == (
        "Pending",
        "queue resource quota insufficient: insufficient cpu (queue capped)",
    )
    assert (
        "Queue capped may have 2 cpu at most and holds 1, this needs 3: short by 2."
        in await scenario.told("too-large")
    )
    await scenario.until(fits="Running")


async def test_nothing_is_taken_from_a_queue_that_is_not_reclaimable(
    scenario: Scenario,
) -> None:
    await scenario.apply("d-1-keeper.yaml")
    await scenario.until(kept="Running")
    await scenario.apply("d-2-asker.yaml")
    await scenario.until(kept="Running", waits="Pending")
    phase, _ = await scenario.reason("waits")
    assert phase == "Inqueue"
    assert (
        "if queue keeper gave back cpu, which it need not: it is not reclaimable"
        in await scenario.told("waits")
    )
    await scenario.until(kept="Running", waits="Pending")
