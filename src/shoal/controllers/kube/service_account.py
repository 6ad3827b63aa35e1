"""Service accounts: every active namespace has one named `default`."""

from shoal.api.core import NAMESPACES, SERVICE_ACCOUNTS, Namespace, ServiceAccount
from shoal.api.meta import ObjectKey
from shoal.api.status import ApiError
from shoal.base.clock import Clock
from shoal.client.informer import InformerSet, Lister
from shoal.client.protocol import Client
from shoal.client.workqueue import WorkQueue
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller, enqueue_self

DEFAULT = "default"


class ServiceAccountReconciler:
    def __init__(
        self, client: Client, namespaces: Lister[Namespace], accounts: Lister[ServiceAccount]
    ) -> None:
        self._client = client
        self._namespaces = namespaces
        self._accounts = accounts

    async def reconcile(self, key: ObjectKey) -> Result:
        namespace = self._namespaces.get(key)
        if namespace is None or namespace.metadata.deletion_timestamp is not None:
            return Result()
        if self._accounts.get(ObjectKey(key.name, DEFAULT)) is None:
            body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": DEFAULT}}
            try:
                await self._client.create(SERVICE_ACCOUNTS, body, key.name)
            except ApiError as error:
                if not error.is_already_exists:
                    raise
        return Result()


def service_account_controller(client: Client, informers: InformerSet, clock: Clock) -> Controller:
    """Follows namespaces, and accounts that go."""
    queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    namespaces = informers.informer(NAMESPACES)
    accounts = informers.informer(SERVICE_ACCOUNTS)
    reconciler = ServiceAccountReconciler(client, namespaces.lister, accounts.lister)

    def on_account(old: ServiceAccount | None, new: ServiceAccount | None) -> None:
        if old is not None and new is None and old.metadata.name == DEFAULT:
            queue.add(ObjectKey("", old.metadata.namespace))

    namespaces.add_handler(enqueue_self(queue))
    accounts.add_handler(on_account)
    return Controller("serviceaccount", reconciler, queue)
