"""Whatever people write into a Worker ends in a status with a sentence, never in an exception."""

import asyncio
import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shoal.api.core import SECRETS
from shoal.api.status import ApiError
from shoal.api.worker import WORKERS
from tests.worker_site import NS, WorkerSite, worker_site

WORDS = st.one_of(
    st.text(max_size=8),
    st.text("./:-_$%[]{}\\'\"* \n\x00é😀", max_size=8),
    st.sampled_from(["", "a" * 300, "-1", "0 3 * * *", "http://[::1/x", "../..", "Always"]),
)
NUMBERS = st.one_of(st.integers(-2, 3), st.sampled_from([2**31 - 1, 2**31, 2**63, 1e30, -(2**63)]))
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, WORDS)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(["name", "value", "image", "env", "spec", "labels", "containers"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=5,
)
FIELDS = (
    "mode", "resumable", "schedule.cron", "schedule.timeZone", "schedule.concurrencyPolicy",
    "schedule.startingDeadlineSeconds", "parallelism", "template", "template.metadata",
    "template.metadata.labels", "template.metadata.annotations", "template.spec",
    "template.spec.containers", "template.spec.initContainers", "template.spec.schedulingGates",
    "template.spec.nodeSelector", "image", "command", "args", "env", "resources", "cleanup",
    "cleanup.env", "cleanup.command", "queue.name", "queue.pattern", "queue.items",
    "queue.urlFrom.secretKeyRef.name", "queue.urlFrom.secretKeyRef.key", "queue.leaseSeconds",
    "queue.maxAttempts", "retries", "infrastructureRetries", "run", "suspend", "cluster",
    "notify.url", "notify.urlFrom.secretKeyRef.name", "notify.on",
)  # fmt: skip
ITEM_CONTAINER = {"name": "c", "image": "app", "command": ["do", "$ITEM"], "env": []}


def spec_with(field: str, value: Any, base: str) -> dict[str, Any]:
    """A sound worker of a kind, but for one field."""
    spec: dict[str, Any] = {"mode": "Batch", "image": "app", "notify": {"url": "http://h/x"}}
    if base == "Queue" or field.startswith("queue"):
        spec |= {"mode": "Queue", "queue": {"pattern": "JobPerItem", "items": ["a"]}}
    elif base == "Idempotent":
        spec["idempotent"] = True
    if field.startswith("schedule"):
        spec |= {"schedule": {"cron": "* * * * *"}, "idempotent": True}
    if field.startswith("template"):
        del spec["image"]
        spec["template"] = {"metadata": {}, "spec": {"containers": [{**ITEM_CONTAINER}]}}
    *path, last = field.split(".")
    place = spec
    for name in path:
        place = place.setdefault(name, {})
    if path[:2] == ["queue", "urlFrom"] or path[:2] == ["notify", "urlFrom"]:
        place |= {"name": "url", "key": "url"}
    place[last] = value
    return spec


Odd = tuple[str, Any, str]
ODD = st.tuples(
    st.sampled_from(FIELDS), ANYTHING, st.sampled_from(["Batch", "Idempotent", "Queue"])
)


async def submitted(site: WorkerSite, specs: list[dict[str, Any]]) -> list[str]:
    """The names of those that the API server takes."""
    names: list[str] = []
    for number, spec in enumerate(specs):
        body = {"metadata": {"name": f"w{number}"}, "spec": spec}
        try:
            await site.client.create(WORKERS, body, NS)
        except ApiError as error:
            assert error.code in (400, 422)
        else:
            names.append(f"w{number}")
    return names


async def all_are_told(specs: list[dict[str, Any]]) -> None:
    async with worker_site() as site, site.controllers():
        url = {"metadata": {"name": "url"}, "stringData": {"url": "http://[::1/x"}}
        await site.client.create(SECRETS, url, NS)
        names = await submitted(site, specs)
        await site.settle(5)
        for name in names:
            worker = await site.worker(name)
            assert worker.status.observed_generation == 1
            assert worker.status.message


@settings(
    derandomize=True,
    deadline=None,
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(ODD, min_size=20, max_size=40))
def test_odd_values_end_in_a_sentence(caplog: pytest.LogCaptureFixture, odd: list[Odd]):
    caplog.clear()
    asyncio.run(all_are_told([spec_with(*each) for each in odd]))
    bad = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert bad == [], [(each.getMessage(), each.exc_info) for each in bad]


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("template.spec", 5, "spec.template.spec cannot be read: expected object"),
        ("template.spec.containers", [{"env": 7}], "spec.template.spec.containers[0].env"),
        ("template.metadata.labels", {"a": 1}, "spec.template.metadata.labels[...]"),
        ("cleanup.command", "rm", "spec.cleanup.command cannot be read"),
        ("env", [{"name": "A", "value": 1}], "spec.env[0].value cannot be read"),
        ("notify.url", "http://[::1/x", "spec.notify.url is no URL"),
        ("notify.url", "ftp://h/x", "spec.notify.url is no URL"),
        ("notify.on", ["Fail"], 'spec.notify.on holds "Fail"'),
    ],
)
async def test_a_field_that_cannot_be_read_is_invalid_and_named(field: str, value: Any, word: str):
    async with worker_site() as site, site.controllers():
        await site.submit(**spec_with(field, value, "Batch"))
        worker = await site.until_phase("Invalid")
        assert word in worker.status.message
