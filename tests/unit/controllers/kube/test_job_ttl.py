"""When a Job that has finished expires."""

from datetime import UTC, datetime, timedelta

import pytest

from shoal.controllers.kube.job_ttl import expires_in_s
from shoal.testing.builders import make_batch_job

AT = datetime(2026, 1, 1, tzinfo=UTC)
TTL = make_batch_job().spec(ttlSecondsAfterFinished=60)


def finished(job, kind="Complete", status="True"):
    at = AT.isoformat()
    return job.status(conditions=[{"type": kind, "status": status, "lastTransitionTime": at}])


@pytest.mark.parametrize("kind", ["Complete", "Failed"])
def test_its_time_begins_with_its_end(kind):
    job = finished(TTL, kind).obj()
    assert expires_in_s(job, AT + timedelta(seconds=20)) == 40
    assert expires_in_s(job, AT + timedelta(seconds=90)) == 0


@pytest.mark.parametrize(
    "job",
    [
        finished(make_batch_job()),
        TTL,
        finished(TTL, status="False"),
        finished(TTL, "Suspended"),
        finished(TTL).meta(deletionTimestamp=AT.isoformat()),
    ],
)
def test_a_job_without_a_time_or_an_end_stays(job):
    assert expires_in_s(job.obj(), AT) is None
