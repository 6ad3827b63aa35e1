"""The queues of Workers: which URL a worker's queue has, how far it is, and its items put in.

Who reads (`observing`) and who acts (`acting`) meet work sources here; waiting for them is
`queue_access`'s part.
"""

from base64 import b64decode
from collections.abc import Callable, Sequence

from shoal.api.core import SECRETS
from shoal.api.pod import KeySelector
from shoal.api.worker import Worker
from shoal.client.existence import find
from shoal.client.protocol import Client
from shoal.controllers.worker.pod_template import queue_of
from shoal.controllers.worker.queue_access import QueueAccess
from shoal.controllers.worker.queue_urls import ServiceDirectory, as_pods_see_it, misuse
from shoal.work.protocol import QueueSize, SourceUnavailable

OwnUrl = Callable[[str], str]
"""The URL of the control plane's own work source for a namespace; empty where it has none."""


class WorkerSources:
    """Every method raises SourceUnavailable, with a sentence."""

    def __init__(
        self, client: Client, queues: QueueAccess, own_url: OwnUrl, directory: ServiceDirectory
    ) -> None:
        self._client = client
        self._queues = queues
        self._directory = directory
        self.own_url = own_url

    async def size(self, worker: Worker) -> QueueSize:
        return await self._queues.size(await self._url(worker), queue_of(worker))

    async def put(self, worker: Worker, items: Sequence[str], batch_id: str) -> None:
        """Put the items, unless that has been done under this `batch_id`."""
        await self._queues.put(await self._url(worker), queue_of(worker), items, batch_id)

    async def _url(self, worker: Worker) -> str:
        queue, namespace = worker.spec.queue, worker.metadata.namespace
        reference = queue.url_from.secret_key_ref if queue and queue.url_from else None
        if reference is None:
            return self.own_url(namespace)
        url = await secret_value(self._client, reference, namespace)
        if wrong := misuse(url):
            raise SourceUnavailable(
                f'secret "{reference.name}" {wrong}; use the URL of a server, or leave out'
                " spec.queue.urlFrom for the queues of this namespace"
            )
        return as_pods_see_it(url, namespace, self._directory)


async def secret_value(client: Client, reference: KeySelector, namespace: str) -> str:
    """What a Secret holds under a key. Raises SourceUnavailable, which names the Secret and never
    its value."""
    secret = await find(client, SECRETS, reference.name, namespace)
    if secret is None:
        raise SourceUnavailable(f'secret "{reference.name}" with the URL is not there; create it')
    encoded = secret.data.get(reference.key)
    if encoded is None:
        raise SourceUnavailable(f'secret "{reference.name}" has no key "{reference.key}"; add it')
    return b64decode(encoded).decode(errors="replace").strip()
