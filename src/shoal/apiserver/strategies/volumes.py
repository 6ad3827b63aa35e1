"""Persistent volumes and the claims on them."""

from shoal.api.resource import JsonObject
from shoal.apiserver.core import Core
from shoal.apiserver.requests import Target
from shoal.apiserver.strategies.strategy import Strategy


class PendingStrategy(Strategy):
    """Volumes and claims begin as Pending; nothing binds them yet."""

    def prepare_create(self, core: Core, target: Target, obj: JsonObject) -> None:
        obj["status"] = {"phase": "Pending"}
