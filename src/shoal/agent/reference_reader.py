"""Fetches the objects that pods refer to."""

import asyncio
from typing import TypeVar

from shoal.agent.references import References, TokenWish, Wanted
from shoal.api.core import CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS, SERVICES, Service
from shoal.api.meta import Object
from shoal.api.pod import Pod
from shoal.api.resource import JsonObject, Resource
from shoal.api.storage import CLAIMS, PERSISTENT_VOLUMES
from shoal.client.existence import find
from shoal.client.protocol import Client

T = TypeVar("T", bound=Object)


class ReferenceReader:
    """Asks through one client, for any pod."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def read(self, pod: Pod, wanted: Wanted) -> References:
        """Raises ApiError and ConnectionFailed; what does not exist is left out."""
        namespace = pod.metadata.namespace
        config_maps, secrets, tokens, claims = await asyncio.gather(
            self._read_all(CONFIG_MAPS, namespace, wanted.config_maps),
            self._read_all(SECRETS, namespace, wanted.secrets),
            self._request_tokens(pod, wanted.tokens),
            self._read_all(CLAIMS, namespace, wanted.claims),
        )
        names = frozenset(claim.spec.volume_name for claim in claims.values() if claim.is_bound)
        volumes = await self._read_all(PERSISTENT_VOLUMES, "", names)
        return References(
            config_maps=config_maps,
            secrets=secrets,
            tokens=tokens,
            claims=claims,
            volumes=volumes,
        )

    async def services(self, namespace: str) -> list[Service]:
        """All of the namespace: containers get a few variables of each."""
        return list((await self._client.list(SERVICES, namespace)).items)

    async def automounts_token(self, pod: Pod) -> bool:
        """Whether the pod gets its service account's token without asking."""
        if pod.spec.automount_service_account_token is not None:
            return pod.spec.automount_service_account_token
        name, namespace = _service_account(pod), pod.metadata.namespace
        account = await find(self._client, SERVICE_ACCOUNTS, name, namespace)
        return account is not None and account.automount_service_account_token is not False

    async def _read_all(
        self, resource: Resource[T], namespace: str, names: frozenset[str]
    ) -> dict[str, T]:
        found = await asyncio.gather(
            *(find(self._client, resource, name, namespace) for name in names)
        )
        return {obj.metadata.name: obj for obj in found if obj is not None}

    async def _request_tokens(self, pod: Pod, wishes: frozenset[TokenWish]) -> dict[TokenWish, str]:
        tokens: dict[TokenWish, str] = {}
        for wish in wishes:
            answer = await self._client.call(
                SERVICE_ACCOUNTS,
                _service_account(pod),
                "token",
                _token_request(pod, wish),
                pod.metadata.namespace,
            )
            tokens[wish] = answer["status"]["token"]
        return tokens


def _service_account(pod: Pod) -> str:
    return pod.spec.service_account_name or "default"


def _token_request(pod: Pod, wish: TokenWish) -> JsonObject:
    spec: JsonObject = {
        "expirationSeconds": wish.expiration_s,
        "boundObjectRef": {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": pod.metadata.name,
            "uid": pod.metadata.uid,
        },
    }
    if wish.audience:
        spec["audiences"] = [wish.audience]
    return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
