"""Events live for an hour after they were last seen, as kube-apiserver keeps them."""

from datetime import datetime, timedelta

from shoal.api.core import EVENTS, Event
from shoal.api.status import ApiError
from shoal.base.clock import Clock
from shoal.client.protocol import Client, DeleteOptions

TIME_TO_LIVE = timedelta(hours=1)
_PERIOD_S = 300.0
_PAGE_SIZE = 500


def is_expired(event: Event, now: datetime) -> bool:
    seen = event.last_timestamp or event.event_time or event.metadata.creation_timestamp
    return seen is not None and seen + TIME_TO_LIVE <= now


class EventExpiry:
    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def run(self) -> None:
        """Sweep every few minutes; returns only when cancelled."""
        while True:
            await self._clock.sleep(_PERIOD_S)
            await self.sweep()

    async def sweep(self) -> None:
        """Delete every expired event."""
        token = ""
        while True:
            page = await self._client.list(EVENTS, limit=_PAGE_SIZE, continue_token=token)
            for event in page.items:
                if is_expired(event, self._clock.now()):
                    await self._delete(event)
            token = page.continue_token
            if not token:
                return

    async def _delete(self, event: Event) -> None:
        meta = event.metadata
        # Seen again meanwhile: the precondition keeps it.
        options = DeleteOptions(resource_version=meta.resource_version)
        try:
            await self._client.delete(EVENTS, meta.name, meta.namespace, options)
        except ApiError as error:
            if not (error.is_not_found or error.is_conflict):
                raise
