"""Nodes, and the leases that are their heartbeats."""

from shoal.api.resource import JsonObject
from shoal.apiserver.core import Core
from shoal.apiserver.requests import Target
from shoal.apiserver.strategies.strategy import Strategy


class NodeStrategy(Strategy):
    """A node comes with its status: the agent that creates it knows it."""

    def prepare_create(self, core: Core, target: Target, obj: JsonObject) -> None:
        pass


class LeaseStrategy(Strategy):
    allows_unconditional_update = False
