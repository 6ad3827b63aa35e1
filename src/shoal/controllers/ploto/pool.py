"""Both kinds of executor pool, read as one: a fixed pool is one whose bounds are equal and that
is never scaled."""

import hashlib
from dataclasses import dataclass

import msgspec

from shoal.api.meta import ObjectMeta
from shoal.api.ploto import (
    DynamicExecutorPool,
    ExecutorPoolStatus,
    FixedExecutorPool,
    PoolType,
    Task,
    Webhook,
)
from shoal.api.resource import JsonObject


class PoolKey(msgspec.Struct, frozen=True, order=True):
    """Names a pool among both kinds; `type` is what a task's `executorPoolType` says."""

    type: str
    namespace: str
    name: str

    @property
    def kind(self) -> str:
        return f"{self.type}ExecutorPool"

    @property
    def of_other_type(self) -> "PoolKey":
        """For what a task may have meant."""
        other = PoolType.DYNAMIC if self.type == PoolType.FIXED else PoolType.FIXED
        return PoolKey(other.value, self.namespace, self.name)

    def __str__(self) -> str:
        return f'{self.kind} "{self.name}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """What a pool asks for."""

    key: PoolKey
    metadata: ObjectMeta
    minimum: int
    maximum: int
    initial: int
    container: JsonObject
    """The core/v1 Container, whole."""
    service_account_name: str
    template: str
    """Changes whenever executors made before have to be replaced."""
    scale_period_s: int | None
    """None for a pool that is not scaled."""
    webhook: Webhook | None
    status: ExecutorPoolStatus

    @property
    def uid(self) -> str:
        return self.metadata.uid

    @property
    def is_deleting(self) -> bool:
        return self.metadata.deletion_timestamp is not None


def pool_key_of(task: Task) -> PoolKey:
    """The pool a task asks for. Tasks use pools of their own namespace."""
    return PoolKey(task.spec.executor_pool_type, task.metadata.namespace, task.spec.executor_pool)


def read_dynamic(pool: DynamicExecutorPool, sidecar_image: str) -> Pool:
    spec = pool.spec
    # Bounds that contradict each other come from a CRD without our rules: the lower one holds.
    minimum = max(0, spec.min_executor)
    maximum = max(minimum, spec.max_executor)
    initial = minimum if spec.initial_executor is None else spec.initial_executor
    return Pool(
        key=PoolKey(PoolType.DYNAMIC.value, pool.metadata.namespace, pool.metadata.name),
        metadata=pool.metadata,
        minimum=minimum,
        maximum=maximum,
        initial=max(minimum, min(initial, maximum)),
        container=spec.container,
        service_account_name=spec.service_account_name,
        template=_template_hash(spec.container, spec.service_account_name, sidecar_image),
        scale_period_s=max(1, spec.scale_period_seconds),
        webhook=spec.webhook,
        status=pool.status,
    )


def read_fixed(pool: FixedExecutorPool, sidecar_image: str) -> Pool:
    spec = pool.spec
    size = max(0, spec.executor)
    return Pool(
        key=PoolKey(PoolType.FIXED.value, pool.metadata.namespace, pool.metadata.name),
        metadata=pool.metadata,
        minimum=size,
        maximum=size,
        initial=size,
        container=spec.container,
        service_account_name=spec.service_account_name,
        template=_template_hash(spec.container, spec.service_account_name, sidecar_image),
        scale_period_s=None,
        webhook=None,
        status=pool.status,
    )


def _template_hash(container: JsonObject, service_account_name: str, sidecar_image: str) -> str:
    content = msgspec.json.encode(
        [container, service_account_name, sidecar_image], order="deterministic"
    )
    return hashlib.sha256(content).hexdigest()[:10]
