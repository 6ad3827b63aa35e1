"""Kinds whose changes are counted, and what counts as one."""

from shoal.api.resource import JsonObject
from shoal.apiserver.strategies.strategy import Strategy


class CountedStrategy(Strategy):
    """Workloads and others whose spec changes are counted."""

    has_generation = True


class EndpointSliceStrategy(Strategy):
    """Without a spec: what is counted stands at the top."""

    has_generation = True

    def desired(self, obj: JsonObject) -> object:
        return obj.get("endpoints"), obj.get("ports")


class PriorityClassStrategy(Strategy):
    """Only its value counts as desired."""

    has_generation = True

    def desired(self, obj: JsonObject) -> object:
        return obj.get("value")
