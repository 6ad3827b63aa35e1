"""Leader election: of several processes with the same lease, one leads.

The decision is pure: `decide` looks at the lease as it was last seen and says what to do.
`LeaderElector` carries it out. Clocks of different machines are never compared: a lease has
expired when it has not changed for its duration on our own clock.
Source of the behaviour: client-go, tools/leaderelection.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shoal.api.core import LEASES, Lease
from shoal.api.meta import ObjectKey, micro_timestamp
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.base.clock import Clock
from shoal.client.protocol import Client, ConnectionFailed

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTimes:
    """How long a lease holds without renewal, when its holder gives up, how often it is tried."""

    duration_s: float = 15.0
    renew_deadline_s: float = 10.0
    retry_period_s: float = 2.0


class LeaseMove(StrEnum):
    CREATE = "Create"
    """There is no lease yet."""
    TAKE = "Take"
    """Nobody holds it any more."""
    RENEW = "Renew"
    WAIT = "Wait"
    """Another one leads."""


def decide(lease: Lease | None, identity: str, unchanged_s: float) -> LeaseMove:
    """`unchanged_s`: for how long this lease has looked the same to us."""
    if lease is None:
        return LeaseMove.CREATE
    if lease.spec.holder_identity == identity:
        return LeaseMove.RENEW
    if not lease.spec.holder_identity or unchanged_s >= lease.spec.lease_duration_seconds:
        return LeaseMove.TAKE
    return LeaseMove.WAIT


class LeaderElector:
    """Holds one Lease or waits for it, and leads while it holds it."""

    def __init__(
        self,
        client: Client,
        key: ObjectKey,
        identity: str,
        clock: Clock,
        rng: random.Random,
        times: LeaseTimes = LeaseTimes(),
    ) -> None:
        """`key` names the Lease, `identity` this process: unlike any other's, ever."""
        self._client = client
        self._key = key
        self._identity = identity
        self._clock = clock
        self._rng = rng
        self._times = times
        self._seen_version = ""
        self._seen_at_s = 0.0
        self._holder = ""
        self.is_leader = False

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Runs `lead()` while the lease is held and cancels it when it is lost, again and again;
        returns only when cancelled, and then gives the lease up."""
        while True:
            while not await self._try():
                await self._rest()
            _log.info("%s leads %s", self._identity, self._key)
            try:
                await self._lead(lead)
            finally:
                self.is_leader = False

    async def _lead(self, lead: Callable[[], Awaitable[None]]) -> None:
        self.is_leader = True
        leading = asyncio.ensure_future(lead())
        renewing = asyncio.ensure_future(self._renew())
        try:
            await asyncio.wait((leading, renewing), return_when=asyncio.FIRST_COMPLETED)
            if leading.done():
                leading.result()
        finally:
            leading.cancel()
            renewing.cancel()
            # What was led must have ended before anyone else may lead.
            await asyncio.gather(leading, renewing, return_exceptions=True)
            await self._release()

    async def _renew(self) -> None:
        """Returns when the lease has been lost, or might be soon."""
        renewed_s = self._clock.monotonic()
        while (
            self._holder == self._identity
            and self._clock.monotonic() - renewed_s < self._times.renew_deadline_s
        ):
            await self._rest()
            started_s = self._clock.monotonic()
            if await self._try():
                renewed_s = started_s
        _log.warning("%s no longer leads %s", self._identity, self._key)

    async def _rest(self) -> None:
        await self._clock.sleep(self._times.retry_period_s * (1 + 0.2 * self._rng.random()))

    async def _try(self) -> bool:
        """Take or keep the lease; whether it is ours now."""
        try:
            lease = await self._read()
            move = decide(lease, self._identity, self._clock.monotonic() - self._seen_at_s)
            if move is LeaseMove.WAIT:
                return False
            await self._write(lease, move)
        except (ApiError, ConnectionFailed) as error:
            _log.debug("lease %s: %s", self._key, error)
            return False
        return True

    async def _read(self) -> Lease | None:
        try:
            lease = await self._client.get(LEASES, self._key.name, self._key.namespace)
        except ApiError as error:
            if error.is_not_found:
                return None
            raise
        self._holder = lease.spec.holder_identity
        if lease.metadata.resource_version != self._seen_version:
            self._seen_version = lease.metadata.resource_version
            self._seen_at_s = self._clock.monotonic()
        return lease

    async def _write(self, lease: Lease | None, move: LeaseMove) -> None:
        body = self._body(lease, move, self._clock.now())
        if lease is None:
            await self._client.create(LEASES, body, self._key.namespace)
        else:
            await self._client.patch(LEASES, self._key.name, body, self._key.namespace)
        self._holder = self._identity

    def _body(self, lease: Lease | None, move: LeaseMove, now: datetime) -> JsonObject:
        spec: JsonObject = {"renewTime": micro_timestamp(now)}
        if move is not LeaseMove.RENEW:
            transitions = lease.spec.lease_transitions + 1 if lease else 0
            spec |= {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": int(self._times.duration_s),
                "acquireTime": micro_timestamp(now),
                "leaseTransitions": transitions,
            }
        metadata: JsonObject = {"name": self._key.name}
        if lease is not None:
            # Only on top of what we have read: of two takers one gets a conflict.
            metadata["resourceVersion"] = lease.metadata.resource_version
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": metadata,
            "spec": spec,
        }

    async def _release(self) -> None:
        """Let the next one lead at once; a lease that is not ours any more stays as it is."""
        try:
            lease = await self._read()
            if lease is None or lease.spec.holder_identity != self._identity:
                return
            body = {
                "metadata": {"resourceVersion": lease.metadata.resource_version},
                "spec": {"holderIdentity": "", "leaseDurationSeconds": 1},
            }
            await self._client.patch(LEASES, self._key.name, body, self._key.namespace)
        except (ApiError, ConnectionFailed) as error:
            _log.debug("lease %s could not be given up: %s", self._key, error)
