"""Ask a pool's webhook how many executors the next period needs (docs/reference/executor.md)."""

import asyncio
from typing import Protocol

import msgspec

from shoal.api.core import ENDPOINTS, SERVICES, Endpoints, Service
from shoal.api.ploto import Webhook, WebhookService
from shoal.api.ploto_scaling import ANSWER_LIMIT_BYTES, ScaleAnswer, ScaleQuestion
from shoal.api.status import ApiError
from shoal.client.http_session import HttpSession
from shoal.client.protocol import Client


class WebhookFailed(Exception):
    """No usable answer; the text says why."""


class ScaleAdviser(Protocol):
    """Whom the autoscaler asks."""

    async def advise(self, webhook: Webhook, question: ScaleQuestion) -> int:
        """The number of executors the webhook wants. Raises WebhookFailed."""
        ...


class HttpAdviser:
    """Posts the question as JSON.

    A Service is resolved through its Endpoints to a ready pod, not through a cluster address:
    that works before the proxy has heard of it, and says when no pod is ready.
    """

    def __init__(self, client: Client, session: HttpSession) -> None:
        self._client = client
        self._session = session

    async def advise(self, webhook: Webhook, question: ScaleQuestion) -> int:
        try:
            async with asyncio.timeout(max(1, webhook.timeout_seconds)):
                url = await self._url(webhook, question.pool.namespace)
                return parse_answer(await self._post(url, question))
        except TimeoutError as error:
            raise WebhookFailed(f"no answer within {webhook.timeout_seconds} s") from error

    async def _post(self, url: str, question: ScaleQuestion) -> bytes:
        import aiohttp

        headers = {"Content-Type": "application/json"}
        body = msgspec.json.encode(question)
        try:
            async with self._session.open().post(url, data=body, headers=headers) as response:
                if response.status != 200:
                    raise WebhookFailed(f"{url} answered status {response.status}")
                content = b""
                async for piece in response.content.iter_any():
                    content += piece
                    if len(content) > ANSWER_LIMIT_BYTES:
                        break
                return content
        except (aiohttp.ClientError, ValueError) as error:
            raise WebhookFailed(f"{url} cannot be asked: {error}") from error

    async def _url(self, webhook: Webhook, pool_namespace: str) -> str:
        if webhook.url:
            return webhook.url
        reference = webhook.service or WebhookService()
        namespace = reference.namespace or pool_namespace
        try:
            service = await self._client.get(SERVICES, reference.name, namespace)
            endpoints = await self._client.get(ENDPOINTS, reference.name, namespace)
        except ApiError as error:
            raise WebhookFailed(error.message) from error
        address = ready_address(service, endpoints, reference.port)
        return f"http://{address}/{reference.path.removeprefix('/')}"


def ready_address(service: Service, endpoints: Endpoints, port: int) -> str:
    """`host:port` of a ready pod behind the Service's `port`. Raises WebhookFailed."""
    name = f"service {service.metadata.namespace}/{service.metadata.name}"
    ports = [p for p in service.spec.ports if p.port == port]
    if not ports:
        raise WebhookFailed(f"{name} has no port {port}")
    for subset in endpoints.subsets:
        for endpoint_port in subset.ports:
            if endpoint_port.name == ports[0].name and subset.addresses:
                host = subset.addresses[0].ip
                return (
                    f"[{host}]:{endpoint_port.port}"
                    if ":" in host
                    else (f"{host}:{endpoint_port.port}")
                )
    raise WebhookFailed(f"{name} has no ready pod")


def parse_answer(content: bytes) -> int:
    """Raises WebhookFailed for anything but `{"executor": N}` with N >= 0."""
    if len(content) > ANSWER_LIMIT_BYTES:
        raise WebhookFailed(f"the answer is longer than {ANSWER_LIMIT_BYTES} bytes")
    try:
        answer = msgspec.json.decode(content, type=ScaleAnswer)
    except msgspec.MsgspecError as error:
        raise WebhookFailed(f"the answer makes no sense: {error}") from error
    if answer.executor < 0:
        raise WebhookFailed(f"the answer makes no sense: {answer.executor} executors")
    return answer.executor
