"""Puts the handlers' collaborators together over a store."""

import random

from shoal.apiserver.admission import Admission, NoAdmission, Together
from shoal.apiserver.builtin import builtin_kinds
from shoal.apiserver.core import Core, PodLogs, TokenIssuer
from shoal.apiserver.limits.limit_ranger import LimitRanger
from shoal.apiserver.limits.quota_gate import QuotaGate
from shoal.apiserver.registry import Registry
from shoal.apiserver.request_counts import RequestCounts
from shoal.apiserver.schema.custom.served import served_from_crd
from shoal.apiserver.service_addresses import ServiceAddresses
from shoal.apiserver.streams import OpenStreams
from shoal.base.clock import Clock
from shoal.store.protocol import Store


def assemble(
    store: Store,
    *,
    clock: Clock,
    rng: random.Random,
    pod_logs: PodLogs,
    tokens: TokenIssuer,
    admission: Admission | None = None,
    service_addresses: ServiceAddresses | None = None,
) -> Core:
    """Without an `admission` nobody has a say but Kubernetes' own rules."""
    return Core(
        store=store,
        registry=Registry(builtin_kinds(), served_from_crd, store),
        clock=clock,
        rng=rng,
        pod_logs=pod_logs,
        tokens=tokens,
        streams=OpenStreams(),
        requests=RequestCounts(clock),
        admission=Together(LimitRanger(store), admission or NoAdmission()),
        quotas=QuotaGate(store, clock),
        service_addresses=service_addresses or ServiceAddresses(),
    )
