"""What Kubernetes documents of Jobs, one sentence a test.

Source of the sentences: Kubernetes v1.36, concepts/workloads/controllers/job and the reference of
batch/v1.
"""

import pytest

from shoal.api.batch import COMPLETION_INDEX, INDEX_FAILURE_COUNT, JOBS, TRACKING_FINALIZER
from shoal.api.pod import PODS
from shoal.client.protocol import DeleteOptions
from shoal.testing.builders import make_batch_job, make_pod
from tests.batch_site import NS, batch_site, reason_of

REACHED = ("CompletionsReached", "Reached expected number of succeeded pods")


async def test_a_job_is_complete_when_its_pod_has_succeeded():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job())
        (pod,) = await site.until_pods(1)
        assert pod.metadata.generate_name == "j-"
        assert TRACKING_FINALIZER in pod.metadata.finalizers
        await site.run(pod)
        await site.until(active=1, ready=1)
        await site.end(pod)
        job = await site.until_condition("Complete")
        assert (job.status.succeeded, job.status.active, job.status.failed) == (1, 0, 0)
        assert job.status.completion_time is not None
        assert reason_of(job, "SuccessCriteriaMet") == reason_of(job, "Complete") == REACHED
        assert not (await site.pods())[0].metadata.finalizers
        assert await site.events() == [
            f"Normal SuccessfulCreate: Created pod: {pod.metadata.name}",
            "Normal Completed: Job completed",
        ]


async def test_as_many_pods_run_at_a_time_as_parallelism_says_until_completions_are_reached():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job().spec(completions=5, parallelism=2))
        seen = 0
        while seen < 5:
            for pod in await site.until_pods(min(2, 5 - seen)):
                await site.end(pod)
                seen += 1
        job = await site.until_condition("Complete")
        assert job.status.succeeded == 5
        assert len(await site.pods()) == 5


async def test_a_work_queue_job_makes_no_new_pods_once_one_has_succeeded():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job().spec(parallelism=3))
        first, second, third = await site.until_pods(3)
        await site.end(first)
        await site.until(succeeded=1, active=2)
        await site.end(second, 1)
        await site.until(failed=1, active=1)
        await site.end(third)
        job = await site.until_condition("Complete")
        assert (job.status.succeeded, job.status.failed) == (2, 1)
        assert len(await site.pods()) == 3


async def test_parallelism_of_zero_pauses_a_job_until_it_is_raised():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job().spec(completions=2, parallelism=0))
        await site.until_pods(0)
        await site.change({"parallelism": 2})
        await site.until_pods(2)


async def test_fewer_pods_run_when_parallelism_is_lowered_and_none_counts_as_failed():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job().spec(completions=5, parallelism=3))
        await site.run(*await site.until_pods(3))
        await site.change({"parallelism": 1})
        await site.until(active=1, terminating=2)
        await site.let_go()
        job = await site.until(active=1, terminating=0)
        assert job.status.failed == 0


async def test_a_job_of_no_completions_is_complete_at_once():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job().spec(completions=0))
        assert reason_of(await site.until_condition("Complete"), "Complete") == REACHED


async def test_failed_pods_are_replaced_after_10_s_then_20_s_then_40_s():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job())
        for wait_s in (10, 20, 40):
            (pod,) = await site.until_pods(1)
            begun = site.clock.monotonic()
            await site.end(pod, 1)
            await site.settle(wait_s - 2)
            assert not await site.active()
            await site.until_pods(1)
            assert wait_s - 1 <= site.clock.monotonic() - begun <= wait_s + 2


async def test_back_off_is_limited_to_six_minutes():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job().spec(backoffLimit=10))
        for _ in range(8):
            (pod,) = await site.until_pods(1)
            begun = site.clock.monotonic()
            await site.end(pod, 1)
            await site.settle(1)
        await site.until_pods(1)
        assert 358 <= site.clock.monotonic() - begun <= 363


async def test_a_job_fails_when_more_pods_have_failed_than_backoff_limit():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job().spec(backoffLimit=1))
        for _ in range(2):
            (pod,) = await site.until_pods(1)
            await site.end(pod, 1)
            await site.settle(2)
        job = await site.until_condition("Failed")
        why = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
        assert reason_of(job, "FailureTarget") == reason_of(job, "Failed") == why
        assert job.status.failed == 2
        assert job.status.completion_time is None
        assert f"Warning {': '.join(why)}" in await site.events()


async def test_restarts_in_place_count_towards_the_backoff_limit():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job().spec(backoffLimit=2).pod(restartPolicy="OnFailure"))
        (pod,) = await site.until_pods(1)
        await site.run(pod)
        await site.say(pod, "Running", containerStatuses=[{"name": "main", "restartCount": 1}])
        await site.settle(2)
        assert len(await site.active()) == 1
        await site.say(pod, "Running", containerStatuses=[{"name": "main", "restartCount": 2}])
        await site.until_condition("FailureTarget")
        await site.let_go()
        job = await site.until_condition("Failed")
        assert job.status.failed == 1


async def test_running_pods_end_with_a_job_that_fails_and_the_job_waits_for_them():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job().spec(backoffLimit=0, parallelism=2, completions=2))
        first, second = await site.until_pods(2)
        await site.run(second)
        await site.end(first, 1)
        job = await site.until_condition("FailureTarget")
        await site.settle(5)
        job = await site.job()
        assert not job.is_finished
        assert (job.status.active, job.status.terminating) == (0, 1)
        await site.let_go()
        job = await site.until_condition("Failed")
        assert (job.status.failed, job.status.terminating) == (2, 0)


async def test_a_job_fails_when_it_is_active_longer_than_its_deadline():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job().spec(activeDeadlineSeconds=30))
        await site.run(*await site.until_pods(1))
        await site.settle(28)
        assert len(await site.active()) == 1
        await site.settle(4)
        await site.let_go()
        why = ("DeadlineExceeded", "Job was active longer than specified deadline")
        assert reason_of(await site.until_condition("Failed"), "Failed") == why


async def test_a_suspended_job_has_no_pods_and_its_clock_starts_when_it_is_resumed():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job().spec(suspend=True, activeDeadlineSeconds=30))
        job = await site.until_condition("Suspended")
        assert reason_of(job, "Suspended") == ("JobSuspended", "Job suspended")
        assert job.status.start_time is None
        await site.settle(60)
        assert not await site.pods()
        await site.change({"suspend": False})
        await site.until_pods(1)
        job = await site.until_condition("Suspended", "False")
        assert reason_of(job, "Suspended") == ("JobResumed", "Job resumed")
        assert job.status.start_time is not None
        assert (site.clock.now() - job.status.start_time).total_seconds() < 5
        told = await site.events()
        assert "Normal Suspended: Job suspended" in told
        assert "Normal Resumed: Job resumed" in told


async def test_suspending_a_job_ends_its_pods_without_counting_them():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job().spec(completions=3, parallelism=2))
        first, second = await site.until_pods(2)
        await site.end(first)
        await site.until(succeeded=1, active=2)
        await site.change({"suspend": True})
        await site.until_condition("Suspended")
        await site.let_go()
        job = await site.until(active=0, terminating=0)
        assert (job.status.succeeded, job.status.failed) == (1, 0)
        assert job.status.start_time is None
        assert [pod.metadata.name for pod in await site.pods()] == [first.metadata.name]
        await site.change({"suspend": False})
        assert second.metadata.name not in {p.metadata.name for p in await site.until_pods(2)}


async def test_each_pod_of_an_indexed_job_knows_its_index():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job().indexed(3))
        pods = await site.until_pods(3)
        assert sorted(pod.metadata.annotations[COMPLETION_INDEX] for pod in pods) == ["0", "1", "2"]
        pod = await site.of_index(1)
        assert pod.metadata.generate_name == "j-1-"
        assert pod.metadata.labels[COMPLETION_INDEX] == "1"
        assert pod.spec.hostname == "j-1"
        (variable,) = pod.spec.containers[0].env
        assert variable.name == "JOB_COMPLETION_INDEX"
        assert variable.value_from and variable.value_from.field_ref
        path = f"metadata.labels['{COMPLETION_INDEX}']"
        assert variable.value_from.field_ref.field_path == path


async def test_an_indexed_job_is_complete_when_each_index_has_succeeded_once():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job().indexed(4))
        await site.until_pods(4)
        for index in (0, 3, 1):
            await site.end(await site.of_index(index))
        await site.until(completed_indexes="0,1,3", active=1)
        await site.end(await site.of_index(2), 1)
        await site.settle(12)
        await site.end(await site.of_index(2))
        job = await site.until_condition("Complete")
        assert (job.status.completed_indexes, job.status.succeeded, job.status.failed) == (
            "0-3",
            4,
            1,
        )


async def test_an_indexed_job_grows_and_shrinks_with_completions_and_parallelism_together():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job().indexed(3))
        await site.until_pods(3)
        await site.end(await site.of_index(2))
        await site.until(completed_indexes="2")
        await site.change({"completions": 2, "parallelism": 2})
        await site.until(completed_indexes="", succeeded=0, active=2)
        await site.change({"completions": 4, "parallelism": 4})
        await site.until_pods(4)


async def test_each_index_has_a_backoff_limit_of_its_own():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job().indexed(2, backoffLimitPerIndex=1))
        await site.until_pods(2)
        await site.end(await site.of_index(0), 1)
        await site.settle(12)
        replaced = await site.of_index(0)
        assert replaced.metadata.annotations[INDEX_FAILURE_COUNT] == "1"
        await site.end(replaced, 1)
        await site.until(failed_indexes="0", active=1)
        await site.end(await site.of_index(1))
        job = await site.until_condition("Failed")
        assert reason_of(job, "Failed") == ("FailedIndexes", "Job has failed indexes")
        assert (job.status.completed_indexes, job.status.failed_indexes) == ("1", "0")
        assert job.status.failed == 2


async def test_a_job_fails_early_when_more_indexes_have_failed_than_it_allows():
    async with batch_site() as site, site.controllers():
        job = make_batch_job().indexed(5, backoffLimitPerIndex=0, maxFailedIndexes=1)
        await site.submit(job)
        await site.until_pods(5)
        for index in (0, 1):
            await site.end(await site.of_index(index), 1)
        await site.until_condition("FailureTarget")
        await site.let_go()
        text = "Job has exceeded the specified maximal number of failed indexes"
        job = await site.until_condition("Failed")
        assert reason_of(job, "Failed") == ("MaxFailedIndexesExceeded", text)


def rule(action, **what):
    return {"rules": [{"action": action, **what}]}


EXIT_42 = {"onExitCodes": {"operator": "In", "values": [42]}}
DISRUPTED = {"onPodConditions": [{"type": "DisruptionTarget"}]}


async def test_a_pod_failure_policy_fails_the_job_at_an_exit_code():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job().spec(podFailurePolicy=rule("FailJob", **EXIT_42)))
        (pod,) = await site.until_pods(1)
        await site.end(pod, 42)
        job = await site.until_condition("Failed")
        text = (
            f"Container main for pod default/{pod.metadata.name} failed with exit code 42 matching"
            " FailJob rule at index 0"
        )
        assert reason_of(job, "FailureTarget") == ("PodFailurePolicy", text)
        assert reason_of(job, "Failed") == ("PodFailurePolicy", text)


async def test_a_disrupted_pod_does_not_count_where_the_policy_ignores_it():
    async with batch_site() as site, site.controllers():
        policy = rule("Ignore", **DISRUPTED)
        await site.submit(make_batch_job().spec(backoffLimit=0, podFailurePolicy=policy))
        (pod,) = await site.until_pods(1)
        await site.end(pod, 137, conditions=[{"type": "DisruptionTarget", "status": "True"}])
        (pod,) = await site.until_pods(1)
        assert (await site.job()).status.failed == 0
        await site.end(pod, 1)
        assert (await site.until_condition("Failed")).status.failed == 1


async def test_a_failure_that_is_ignored_delays_the_next_pod_as_others_do():
    async with batch_site() as site, site.controllers():
        policy = rule("Ignore", **DISRUPTED)
        await site.submit(make_batch_job().spec(backoffLimit=0, podFailurePolicy=policy))
        for wait_s in (10, 20):
            (pod,) = await site.until_pods(1)
            await site.end(pod, 137, conditions=[{"type": "DisruptionTarget", "status": "True"}])
            ended = site.clock.now()
            await site.until_pods(1)
            # The end of a container is told in whole seconds.
            assert (site.clock.now() - ended).total_seconds() > wait_s - 1


async def test_a_policy_of_count_counts_as_without_one():
    async with batch_site() as site, site.controllers():
        policy = rule("Count", **EXIT_42)
        await site.submit(make_batch_job().spec(backoffLimit=0, podFailurePolicy=policy))
        (pod,) = await site.until_pods(1)
        await site.end(pod, 42)
        job = await site.until_condition("Failed")
        assert reason_of(job, "Failed")[0] == "BackoffLimitExceeded"


async def test_a_rule_can_fail_an_index_at_once():
    async with batch_site() as site, site.controllers():
        job = make_batch_job().indexed(2, backoffLimitPerIndex=5)
        await site.submit(job.spec(podFailurePolicy=rule("FailIndex", **EXIT_42)))
        await site.until_pods(2)
        await site.end(await site.of_index(1), 42)
        await site.until(failed_indexes="1")
        await site.settle(20)
        assert [p.metadata.annotations[COMPLETION_INDEX] for p in await site.active()] == ["0"]


@pytest.mark.parametrize(
    ("rules", "ends", "message"),
    [
        ([{"succeededIndexes": "0,2"}], (0, 2), "Matched rules at index 0"),
        ([{"succeededIndexes": "3"}, {"succeededCount": 2}], (0, 1), "Matched rules at index 1"),
        ([{"succeededIndexes": "1-3", "succeededCount": 1}], (2,), "Matched rules at index 0"),
    ],
)
async def test_a_success_policy_ends_a_job_before_all_indexes_have_succeeded(rules, ends, message):
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job().indexed(4).spec(successPolicy={"rules": rules}))
        await site.until_pods(4)
        for index in ends:
            assert (await site.job()).status.active == 4 - ends.index(index)
            await site.end(await site.of_index(index))
            await site.settle(1)
        await site.let_go()
        job = await site.until_condition("Complete")
        assert reason_of(job, "SuccessCriteriaMet") == ("SuccessPolicy", message)
        assert reason_of(job, "Complete") == ("SuccessPolicy", message)
        assert (job.status.succeeded, job.status.failed) == (len(ends), 0)


async def test_a_finished_job_goes_with_its_pods_when_its_time_to_live_is_over():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job().spec(ttlSecondsAfterFinished=60))
        (pod,) = await site.until_pods(1)
        await site.end(pod)
        await site.until_condition("Complete")
        await site.settle(55)
        assert (await site.job()).metadata.deletion_timestamp is None
        await site.settle(10)
        job = await site.job()
        assert job.metadata.deletion_timestamp is not None
        assert "foregroundDeletion" in job.metadata.finalizers


async def test_a_deleted_pod_is_replaced_while_it_still_terminates():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job())
        (pod,) = await site.until_pods(1)
        await site.run(pod)
        await site.delete(pod)
        await site.until(failed=1)
        await site.settle(12)
        (other,) = await site.active()
        assert other.metadata.name != pod.metadata.name


async def test_replacement_policy_failed_waits_for_the_end_of_a_deleted_pod():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job().spec(podReplacementPolicy="Failed"))
        (pod,) = await site.until_pods(1)
        await site.run(pod)
        await site.delete(pod)
        await site.until(terminating=1, active=0)
        await site.settle(20)
        assert not await site.active()
        await site.end(pod, 143)
        await site.let_go()
        await site.settle(15)
        assert len(await site.active()) == 1
        assert (await site.job()).status.failed == 1


async def test_a_job_that_another_controller_manages_is_left_alone():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job().spec(managedBy="example.com/queue"))
        await site.settle(5)
        assert not await site.pods()
        assert (await site.job()).status.start_time is None


async def test_pods_are_let_go_when_their_job_is_deleted():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job())
        (pod,) = await site.until_pods(1)
        await site.run(pod)
        await site.client.delete(JOBS, "j", NS, DeleteOptions(propagation="Background"))
        await site.settle(2)
        assert await site.is_gone()
        assert not (await site.pods())[0].metadata.finalizers


async def test_a_delete_that_does_not_say_otherwise_leaves_the_pods():
    async with batch_site() as site:
        await site.submit(make_batch_job())
        await site.client.delete(JOBS, "j", NS)
        assert (await site.job()).metadata.finalizers == ["orphan"]


async def test_a_job_with_a_selector_of_its_own_adopts_pods_and_tracks_them():
    async with batch_site() as site, site.controllers():
        orphan = make_pod("stray").labels(app="x").container().manifest()
        del orphan["metadata"]["uid"]
        await site.client.create(PODS, orphan, NS)
        job = make_batch_job().spec(manualSelector=True, selector={"matchLabels": {"app": "x"}})
        manifest = job.manifest()
        manifest["spec"]["template"]["metadata"] = {"labels": {"app": "x"}}
        await site.client.create(JOBS, manifest, NS)
        await site.until(active=1)
        (pod,) = await site.pods()
        assert pod.metadata.controller and pod.metadata.controller.name == "j"
        await site.end(pod)
        assert (await site.until_condition("Complete")).status.succeeded == 1


async def test_a_pod_whose_labels_change_is_not_the_jobs_any_more():
    async with batch_site() as site, site.controllers():
        await site.submit(make_batch_job())
        (pod,) = await site.until_pods(1)
        labels = dict.fromkeys(pod.metadata.labels)
        await site.client.patch(PODS, pod.metadata.name, {"metadata": {"labels": labels}}, NS)
        await site.until_pods(2)
        freed = next(p for p in await site.pods() if p.metadata.name == pod.metadata.name)
        assert freed.metadata.controller is None
        assert not freed.metadata.finalizers
