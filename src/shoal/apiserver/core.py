"""What every verb works with: the store, what is served, time, and the seams to other parts."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import msgspec

from shoal.api.pod import Pod
from shoal.api.resource import JsonObject
from shoal.apiserver.admission import Admission
from shoal.apiserver.limits.quota_gate import QuotaGate
from shoal.apiserver.registry import Registry
from shoal.apiserver.request_counts import RequestCounts
from shoal.apiserver.service_addresses import ServiceAddresses
from shoal.apiserver.streams import OpenStreams
from shoal.apiserver.write_turns import WriteTurns
from shoal.base.clock import Clock
from shoal.client.protocol import LogOptions
from shoal.store.protocol import Store

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' text format."""


class PodLogs(Protocol):
    """Where the logs of running containers come from: the node agent."""

    def open(self, pod: Pod, options: LogOptions) -> AsyncIterator[bytes]:
        """A container's log in pieces; `options.container` names it. May raise ApiError."""
        ...


class MetricsSource(Protocol):
    """Where the numbers of the whole process come from."""

    def render(self) -> bytes:
        """In the format of METRICS_TYPE."""
        ...


class NoMetrics:
    """A `MetricsSource` that measures nothing."""

    def render(self) -> bytes:
        return b""


class BoundObject(msgspec.Struct, frozen=True):
    """The object that a token lives and dies with."""

    kind: str = ""
    name: str = ""
    uid: str = ""


class TokenRequest(msgspec.Struct, frozen=True, rename="camel"):
    """A TokenRequest's spec."""

    audiences: list[str] | None = None
    expiration_seconds: int | None = None
    bound_object_ref: BoundObject | None = None

    @property
    def life_s(self) -> int:
        return 3600 if self.expiration_seconds is None else self.expiration_seconds


class TokenIssuer(Protocol):
    """Makes the tokens that pods present to the API server."""

    def issue(self, account: JsonObject, request: TokenRequest) -> tuple[str, datetime]:
        """A token for a ServiceAccount, and when it expires."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    store: Store
    registry: Registry
    clock: Clock
    rng: random.Random
    pod_logs: PodLogs
    tokens: TokenIssuer
    streams: OpenStreams
    requests: RequestCounts
    admission: Admission
    quotas: QuotaGate
    service_addresses: ServiceAddresses
    turns: WriteTurns = field(default_factory=WriteTurns)
