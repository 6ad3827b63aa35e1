async def test_tasks_of_a_pool_complete(pools) -> None:
    await pools.make_pool()
    async with pools.controllers(), pools.nodes() as executors:
        for number in range(6):
            await pools.make_task(f"task-{number}")
        finished = await pools.finished()
        assert {task.status.phase for task in finished.values()} == {"Completed"}
        assert len(executors.runs) == 6
