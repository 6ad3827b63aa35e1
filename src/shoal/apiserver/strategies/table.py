"""Which kind has which strategy."""

from collections.abc import Mapping

from shoal.apiserver.registry import CRD_BUCKET
from shoal.apiserver.served import Served
from shoal.apiserver.strategies.counted import (
    CountedStrategy,
    EndpointSliceStrategy,
    PriorityClassStrategy,
)
from shoal.apiserver.strategies.crds import CrdStrategy
from shoal.apiserver.strategies.custom import CustomStrategy
from shoal.apiserver.strategies.jobs import JobStrategy
from shoal.apiserver.strategies.namespaces import NamespaceStrategy
from shoal.apiserver.strategies.nodes import LeaseStrategy, NodeStrategy
from shoal.apiserver.strategies.pods import PodStrategy
from shoal.apiserver.strategies.services import ServiceStrategy
from shoal.apiserver.strategies.sets import DaemonSetStrategy, StatefulSetStrategy
from shoal.apiserver.strategies.strategy import Strategy
from shoal.apiserver.strategies.volumes import ClaimStrategy, VolumeStrategy

_PLAIN = Strategy()
_CUSTOM = CustomStrategy(has_status=False)
_CUSTOM_WITH_STATUS = CustomStrategy(has_status=True)
_BY_BUCKET: Mapping[str, Strategy] = {
    CRD_BUCKET: CrdStrategy(),
    "cronjobs.batch": CountedStrategy(),
    "daemonsets.apps": DaemonSetStrategy(),
    "deployments.apps": CountedStrategy(),
    "endpointslices.discovery.k8s.io": EndpointSliceStrategy(),
    "jobs.batch": JobStrategy(),
    "leases.coordination.k8s.io": LeaseStrategy(),
    "namespaces": NamespaceStrategy(),
    "networkpolicies.networking.k8s.io": CountedStrategy(),
    "nodes": NodeStrategy(),
    "persistentvolumeclaims": ClaimStrategy(),
    "persistentvolumes": VolumeStrategy(),
    "poddisruptionbudgets.policy": CountedStrategy(),
    "pods": PodStrategy(),
    "priorityclasses.scheduling.k8s.io": PriorityClassStrategy(),
    "replicasets.apps": CountedStrategy(),
    "services": ServiceStrategy(),
    "statefulsets.apps": StatefulSetStrategy(),
}


def strategy_of(served: Served) -> Strategy:
    if served.is_custom:
        return _CUSTOM_WITH_STATUS if "status" in served.subresources else _CUSTOM
    return _BY_BUCKET.get(served.bucket, _PLAIN)
