"""Keep one pod's volumes on disk: made before its containers start, and kept up to date."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from shoal.agent.downward import NodeFacts
from shoal.agent.reference_reader import ReferenceReader
from shoal.agent.references import TokenWish, Wanted, wanted_by_volumes
from shoal.agent.runtime.paths import PodPaths
from shoal.agent.volumes import service_account
from shoal.agent.volumes.layout import lay_out
from shoal.agent.volumes.plan import VolumePlan, is_live, plan_volumes
from shoal.api.pod import Pod
from shoal.base.clock import Clock

# A token is renewed when four fifths of its time are over, as the kubelet does it.
_TOKEN_SHARE = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    text: str
    renew_at: datetime


class PodVolumes:
    def __init__(
        self, reader: ReferenceReader, paths: PodPaths, ca_pem: bytes, clock: Clock
    ) -> None:
        self._reader = reader
        self._paths = paths
        self._ca_pem = ca_pem
        self._clock = clock
        self._tokens: dict[TokenWish, _Token] = {}
        self._has_api_access = False
        self._writing: asyncio.Future[dict[str, Path]] | None = None

    async def make(self, pod: Pod, facts: NodeFacts) -> dict[str, Path]:
        """Where each volume is on the host. Raises VolumeProblem, ApiError, ConnectionFailed and
        OSError."""
        self._has_api_access = await self._reader.automounts_token(pod)
        return await self._lay_out(pod, facts)

    def is_refresh_due(self, pod: Pod) -> bool:
        now = self._clock.now()
        return any(is_live(volume) for volume in pod.spec.volumes) or any(
            token.renew_at <= now for token in self._tokens.values()
        )

    async def refresh(self, pod: Pod, facts: NodeFacts) -> None:
        """Bring files up to date with what they are made of. Raises as `make` does."""
        await self._lay_out(pod, facts)

    async def wait_quiet(self) -> None:
        """Return when no thread writes any more: one cannot be called back."""
        if self._writing is not None:
            await asyncio.wait((self._writing,))

    async def _lay_out(self, pod: Pod, facts: NodeFacts) -> dict[str, Path]:
        now = self._clock.now()
        wanted = wanted_by_volumes(pod)
        if self._has_api_access:
            wanted = replace(wanted, tokens=wanted.tokens | {service_account.TOKEN})
        references = await self._reader.read(pod, self._without_known_tokens(wanted, now))
        for wish, text in references.tokens.items():
            lasts = timedelta(seconds=wish.expiration_s * _TOKEN_SHARE)
            self._tokens[wish] = _Token(text=text, renew_at=now + lasts)
        tokens = {wish: token.text for wish, token in self._tokens.items()}
        references = replace(references, tokens=tokens)
        plans: Sequence[VolumePlan] = plan_volumes(pod, pod.spec.volumes, references, facts)
        if self._has_api_access:
            token = tokens[service_account.TOKEN]
            plans = [*plans, service_account.plan_api_access(pod, token, self._ca_pem)]
        security = pod.spec.security_context
        group_id = security.fs_group if security is not None else None
        work = asyncio.to_thread(lay_out, plans, self._paths, now, group_id)
        self._writing = asyncio.ensure_future(work)
        return await asyncio.shield(self._writing)

    def _without_known_tokens(self, wanted: Wanted, now: datetime) -> Wanted:
        known = {wish for wish, token in self._tokens.items() if token.renew_at > now}
        return replace(wanted, tokens=wanted.tokens - known)
