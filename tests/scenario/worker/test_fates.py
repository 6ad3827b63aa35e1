"""Whatever befalls a worker, in whatever order: no run of a batch that must not be repeated has two
pods that ran."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worker_site import WorkerSite, worker_site

FATES = st.lists(
    st.sampled_from(
        ["place", "succeed", "fail", "evict", "delete", "suspend", "resume", "rerun", "restart",
         "stream", "batch", "idempotent", "once"]
    ),
    min_size=3,
    max_size=12,
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(FATES)
def test_no_run_has_two_pods_that_ran(fates: list[str]):
    asyncio.run(_live_through(fates))


async def _live_through(fates: list[str]) -> None:
    ran: dict[str, set[str]] = {}
    async with worker_site() as site:
        await site.submit()
        remaining = list(fates)
        while remaining:
            async with site.controllers():
                while remaining and (fate := remaining.pop(0)) != "restart":
                    await _befall(site, fate, ran)
                    await site.settle(2)
    assert all(len(uids) == 1 for uids in ran.values()), ran


async def _befall(site: WorkerSite, fate: str, ran: dict[str, set[str]]) -> None:
    specs = {
        "suspend": {"suspend": True},
        "resume": {"suspend": False},
        "stream": {"mode": "Stream"},
        "batch": {"mode": "Batch"},
        "idempotent": {"idempotent": True},
        "once": {"idempotent": False},
    }
    if fate in specs:
        await site.change(**specs[fate])
    elif fate == "rerun":
        await site.change(run=(await site.worker()).spec.run + 1)
    else:
        for name, pod in (await site.pods()).items():
            if fate == "place" and not (pod.spec.scheduling_gates or pod.spec.node_name):
                await site.run_pod(name)
                ran.setdefault(name, set()).add(pod.metadata.uid)
            elif pod.is_deleting or (fate == "delete"):
                await site.delete_pod(name)
            elif pod.spec.node_name and not pod.is_finished:
                await _end(site, name, fate)


async def _end(site: WorkerSite, name: str, fate: str) -> None:
    if fate == "evict":
        await site.evict(name)
    elif fate in ("succeed", "fail"):
        await site.end_pod(name, 0 if fate == "succeed" else 1)
