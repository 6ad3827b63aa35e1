"""Custom kinds: everything but metadata and status counts as desired."""

from shoal.api.resource import JsonObject
from shoal.apiserver.core import Core
from shoal.apiserver.requests import Target
from shoal.apiserver.strategies.strategy import Strategy


class CustomStrategy(Strategy):
    has_generation = True
    allows_unconditional_update = False

    def __init__(self, *, has_status: bool) -> None:
        """`has_status`: whether status is a subresource, so not part of what is desired."""
        self._ignored = {"metadata", "status"} if has_status else {"metadata"}

    def prepare_create(self, core: Core, target: Target, obj: JsonObject) -> None:
        if "status" in target.served.subresources:
            obj.pop("status", None)

    def desired(self, obj: JsonObject) -> object:
        return {key: value for key, value in obj.items() if key not in self._ignored}
