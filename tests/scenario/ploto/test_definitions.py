"""What the server makes of the definitions: ours, and Ploto's own in their place."""

import pytest

from shoal.api.ploto import TASKS
from shoal.api.status import ApiError


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"minExecutor": 3, "maxExecutor": 2}, "minExecutor must not be greater than maxExecutor"),
        ({"initialExecutor": 1}, "initialExecutor must be between minExecutor and maxExecutor"),
        ({"initialExecutor": 6}, "initialExecutor must be between minExecutor and maxExecutor"),
        ({"minExecutor": -1}, "spec.minExecutor"),
        ({"maxExecutor": "many"}, "spec.maxExecutor"),
        ({"scalePeriodSeconds": 0}, "spec.scalePeriodSeconds"),
        ({"container": None}, "spec.container"),
        ({"container": {"image": "work"}}, "spec.container.name"),
        (
            {"webhook": {"url": "http://a/", "service": {"name": "b"}}},
            "service and url exclude each other",
        ),
        ({"webhook": {"url": "ftp://a/"}}, "spec.webhook.url"),
        ({"webhook": {"service": {"name": "b", "port": 70000}}}, "spec.webhook.service.port"),
    ],
)
async def test_a_pool_that_makes_no_sense_is_refused(pools, spec, why: str) -> None:
    with pytest.raises(ApiError) as refused:
        await pools.make_pool(**spec)
    assert refused.value.code == 422
    assert why in refused.value.message


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"executorPool": ""}, "spec.executorPool"),
        ({"executorPoolType": "Elastic"}, "spec.executorPoolType"),
        ({"retryLimit": -1}, "spec.retryLimit"),
        ({"para": 1}, "spec.para"),
    ],
)
async def test_a_task_that_makes_no_sense_is_refused(pools, spec, why: str) -> None:
    with pytest.raises(ApiError) as refused:
        await pools.make_task("task", **spec)
    assert refused.value.code == 422
    assert why in refused.value.message


async def test_defaults_are_filled_in(pools) -> None:
    pool = await pools.make_pool(webhook={"service": {"name": "hook"}})
    assert pool.spec.webhook.service.path == "/scale"
    stored = await pools.client.request(
        "GET", "/apis/ploto.io/v1/namespaces/default/dynamicexecutorpools/pool"
    )
    assert stored["spec"]["scalePeriodSeconds"] == 15
    assert stored["spec"]["webhook"]["timeoutSeconds"] == 10
    await pools.make_task("task")
    stored = await pools.client.request("GET", "/apis/ploto.io/v1/namespaces/default/tasks/task")
    assert stored["spec"]["retryLimit"] == 3
    assert stored["spec"]["para"] == ""


async def test_both_versions_show_the_same_object(pools) -> None:
    await pools.make_task("task", para="hello")
    path = "/apis/ploto.io/v1alpha1/namespaces/default/tasks/task"
    old = await pools.client.request("GET", path)
    assert old["apiVersion"] == "ploto.io/v1alpha1"
    assert old["spec"]["para"] == "hello"


async def test_plotos_own_definitions_know_nothing_of_ours(plotos_pools) -> None:
    pools = plotos_pools
    task = await pools.make_task("task", priority=3)
    assert task.spec.priority == 0
    with pytest.raises(ApiError):
        await pools.client.request("GET", "/apis/ploto.io/v1alpha1/namespaces/default/tasks/task")
    with pytest.raises(ApiError, match=r"status\.executorPodName") as refused:
        await pools.client.patch(
            TASKS, "task", {"status": {"phase": "Running"}}, "default", subresource="status"
        )
    assert refused.value.code == 422
