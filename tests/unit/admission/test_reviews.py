"""Admission over HTTP, as another cluster's API server asks for it."""

import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import jsonpatch
import pytest
import uvicorn

from shoal.admission.manifests import webhook_configurations
from shoal.admission.reviews import ReviewApp
from shoal.admission.webhooks import MUTATIONS, validations
from shoal.api.resource import JsonObject
from shoal.apiserver.schema.pod_templates import pod_template_causes
from tests.unit.admission.objects import Objects, queue, task

OTHERS = Objects(queue("root"), queue("default"), queue("child", parent="default"))
JOB = {"metadata": {"name": "j", "namespace": "n"}, "spec": {"tasks": [task()]}}


class _Server(uvicorn.Server):
    """Says when it listens, and leaves signals alone."""

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[str]:
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup()
        (server,) = self.servers
        port = server.sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            await self.shutdown()


@pytest.fixture
async def url() -> AsyncIterator[str]:
    app = ReviewApp(OTHERS, pod_template_causes)
    config = uvicorn.Config(app, port=0, lifespan="off", log_config=None)
    async with _Server(config).running() as url:
        yield url


async def ask(url: str, obj: JsonObject | None = None, old: JsonObject | None = None) -> JsonObject:
    operation = "CREATE" if old is None else "UPDATE" if obj is not None else "DELETE"
    review = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {"uid": "u-1", "operation": operation, "object": obj, "oldObject": old},
    }
    async with aiohttp.ClientSession() as session, session.post(url, json=review) as response:
        assert response.status == 200
        answer = await response.json()
    assert (answer["apiVersion"], answer["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    assert answer["response"].pop("uid") == "u-1"
    return answer["response"]


async def test_what_may_be_is_allowed(url: str) -> None:
    assert await ask(f"{url}/queues/validate", queue("q")) == {"allowed": True}
    assert await ask(f"{url}/queues/validate", queue("q", weight=2), queue("q")) == {
        "allowed": True
    }


async def test_a_refusal_says_why(url: str) -> None:
    answer = await ask(f"{url}/queues/validate", old=queue("default"))
    message = "`default` queue can not be deleted"
    assert answer == {"allowed": False, "status": {"metadata": {}, "message": message}}


async def test_a_job_is_filled_in_by_a_patch(url: str) -> None:
    answer = await ask(f"{url}/jobs/mutate", JOB)
    assert (answer["allowed"], answer["patchType"]) == (True, "JSONPatch")
    patch = json.loads(base64.b64decode(answer["patch"]))
    filled_in = jsonpatch.apply_patch(JOB, patch)
    assert filled_in["spec"]["queue"] == "default"
    assert await ask(f"{url}/jobs/mutate", filled_in) == {"allowed": True}, "nothing is left to do"
    told = await ask(f"{url}/jobs/validate", filled_in)
    assert "queue `default` has 1 child queues" in told["status"]["message"]


async def test_an_object_that_cannot_be_read_is_refused(url: str) -> None:
    answer = await ask(f"{url}/jobs/validate", {"metadata": {"name": "j"}, "spec": {"tasks": 1}})
    assert not answer["allowed"]
    assert answer["status"]["message"].startswith("the Job cannot be read: ")


async def test_every_webhook_has_its_path(url: str) -> None:
    checks = validations(OTHERS, pod_template_causes)
    paths = {each.path for each in (*MUTATIONS, *checks)}
    assert paths == {
        *("/queues/mutate", "/queues/validate", "/jobs/mutate", "/jobs/validate"),
        *("/podgroups/mutate", "/podgroups/validate", "/pods/validate", "/hypernodes/validate"),
        *("/cronjobs/validate", "/jobflows/validate"),
    }
    for path in paths:
        # An operation that the webhook is not registered for.
        is_queue = path == "/queues/validate"
        answer = await ask(f"{url}{path}", old=queue("gone")) if not is_queue else {"allowed": True}
        assert answer == {"allowed": True}


async def test_other_requests_get_an_answer_too(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{url}/healthz") as response:
            assert (response.status, await response.text()) == (200, "ok")
        async with session.post(f"{url}/nowhere", data=b"{}") as response:
            assert response.status == 404
        async with session.post(f"{url}/jobs/mutate", data=b"{}") as response:
            assert response.status == 400
            assert "not an AdmissionReview" in await response.text()


def test_the_manifests_lead_to_each_webhook() -> None:
    checks = validations(OTHERS, pod_template_causes)
    mutating, validating = webhook_configurations(checks, "admission", "shoal", b"PEM")
    assert mutating["kind"] == "MutatingWebhookConfiguration"
    assert validating["kind"] == "ValidatingWebhookConfiguration"
    entries = {each["name"]: each for each in (*mutating["webhooks"], *validating["webhooks"])}
    assert set(entries) == {
        *(f"mutate{kind}.volcano.sh" for kind in ("queue", "job", "podgroup")),
        *(f"validate{kind}.volcano.sh" for kind in ("queue", "job", "podgroup", "cronjob")),
        *(f"validate{kind}.volcano.sh" for kind in ("jobflow", "hypernodes", "pod")),
    }
    of_queues = entries["validatequeue.volcano.sh"]
    assert of_queues["rules"] == [
        {
            "apiGroups": ["scheduling.volcano.sh"],
            "apiVersions": ["v1beta1"],
            "resources": ["queues"],
            "operations": ["CREATE", "UPDATE", "DELETE"],
            "scope": "*",
        }
    ]
    assert of_queues["clientConfig"] == {
        "service": {
            "name": "admission",
            "namespace": "shoal",
            "path": "/queues/validate",
            "port": 443,
        },
        "caBundle": base64.b64encode(b"PEM").decode(),
    }
    assert [name for name, each in entries.items() if "matchConditions" in each] == [
        "validatepod.volcano.sh"
    ]
