"""What people see of a worker: its line in a list, its page, and its line of progress. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from shoal.api.worker import (
    FailureCategory,
    LastError,
    Worker,
    WorkerAttempt,
    WorkerMode,
    WorkerPhase,
    WorkerProgress,
    WorkerStatus,
)
from shoal.apiserver.tables.age import human_duration
from shoal.cli.phrases import counted

LIST_HEADS = ("Name", "Mode", "Object", "Phase", "Progress", "Restarts", "Age", "Next", "Message")
ATTEMPT_HEADS = ("Run", "Pod", "Restart", "Node", "Started", "Took", "Outcome", "Exit")

ENDED = frozenset({WorkerPhase.SUCCEEDED, WorkerPhase.FAILED, WorkerPhase.STOPPED})
"""Phases that a worker leaves only when somebody asks."""
_MESSAGE_WIDTH = 120
"""In a list; the page of a worker has all of it."""
NEWS_EVERY_S = 2.0
"""How often a few more items are worth a line."""


def list_row(worker: Worker, now: datetime) -> tuple[str, ...]:
    """Under LIST_HEADS."""
    status, created = worker.status, worker.metadata.creation_timestamp
    return (
        worker.metadata.name,
        worker.spec.mode,
        status.strategy.kind if status.strategy is not None else "-",
        status.phase or WorkerPhase.PENDING,
        share_text(status.progress),
        str(status.restarts),
        human_duration(now - created) if created is not None else "-",
        _until_next(status, now) or "-",
        _cut(" ".join(status.message.split())) or "-",
    )


def _cut(text: str) -> str:
    return text if len(text) <= _MESSAGE_WIDTH else text[: _MESSAGE_WIDTH - 3] + "..."


def _until_next(status: WorkerStatus, now: datetime) -> str:
    """`in 5h`; empty where nothing starts by itself."""
    at = status.next_start_at
    if at is None:
        return ""
    return f"in {human_duration(at - now)}" if at > now else "now"


def share_text(progress: WorkerProgress | None) -> str:
    """`3/10`, or `3` where it is not known of how many."""
    if progress is None:
        return "-"
    return f"{progress.done}/{progress.total}" if progress.total else str(progress.done)


def progress_line(worker: Worker, now: datetime) -> str:
    """One line that changes when something happened."""
    status = worker.status
    parts = [status.phase or WorkerPhase.PENDING]
    if status.progress is not None:
        parts += _progress_parts(status.progress, now)
    if status.active:
        parts.append(f"{counted(status.active, 'pod')} running")
    if status.restarts:
        parts.append(counted(status.restarts, "restart"))
    if status.message and status.phase != WorkerPhase.RUNNING:
        parts.append(status.message)
    return ", ".join(parts)


def is_news(now: WorkerStatus, told: WorkerStatus, since_s: float) -> bool:
    """Whether a line for what is now is worth it, `since_s` seconds after one was printed for
    `told`. Pods and leases come and go all the time; more items are news when they are many, or
    some time has passed."""
    if _headline(now) != _headline(told):
        return True
    progress, before = now.progress or WorkerProgress(), told.progress or WorkerProgress()
    more = abs(progress.done + progress.failed - before.done - before.failed)
    is_many = progress.total > 0 and more >= progress.total / 100
    return more > 0 and (is_many or since_s >= NEWS_EVERY_S)


def _headline(status: WorkerStatus) -> tuple[str, str, int]:
    """While it runs the message tells of numbers, too."""
    is_running = status.phase == WorkerPhase.RUNNING
    return status.phase, "" if is_running else status.message, status.restarts


def _progress_parts(progress: WorkerProgress, now: datetime) -> Iterator[str]:
    yield f"{share_text(progress)} done"
    if progress.failed:
        yield f"{progress.failed} failed"
    if progress.in_flight:
        yield f"{progress.in_flight} in flight"
    if progress.items_per_minute:
        yield f"{progress.items_per_minute:.0f} a minute"
    is_all = progress.total > 0 and progress.done + progress.failed >= progress.total
    end = progress.estimated_end
    if end is not None and not is_all and (end - now).total_seconds() >= 1:
        yield f"about {human_duration(end - now)} left"


def page(worker: Worker, now: datetime) -> list[str]:
    """All but the attempts, a line each; the most telling first."""
    status = worker.status
    head = f"Worker {worker.metadata.key} is {status.phase or WorkerPhase.PENDING}"
    lines = [f"{head}: {status.message}" if status.message else f"{head}."]
    if (chosen := status.strategy) is not None:
        restarts = f", restartPolicy {chosen.restart_policy}" if chosen.restart_policy else ""
        lines.append(f"  Runs as {chosen.kind} {chosen.name}{restarts}: {chosen.reason}")
    if status.progress is not None:
        lines.append("  Progress: " + ", ".join(_progress_parts(status.progress, now)))
    if status.run:
        lines.append(f"  Run {status.run}{_when(worker, now)}")
    if status.next_start_at is not None:
        at = status.next_start_at.strftime("%Y-%m-%d %H:%M:%S UTC")
        lines.append(f"  Next start: {_until_next(status, now)}, at {at}")
    lines.append(_failures_line(worker))
    if status.last_error is not None:
        lines.append("  Last error: " + error_text(status.last_error, now))
    return lines


def _failures_line(worker: Worker) -> str:
    """With the budgets, where there are any: what always or never starts again has none."""
    spec, status = worker.spec, worker.status
    program, machines = f"{status.application_failures}", f"{status.infrastructure_failures}"
    kind = status.strategy.kind if status.strategy is not None else ""
    is_once = spec.mode == WorkerMode.BATCH and not (spec.resumable or spec.idempotent)
    if kind == "Job" or (kind == "CronJob" and not is_once):
        program += f" of {spec.retries} retries used"
        machines += f" of {spec.infrastructure_retries}"
    return f"  Failures of the program: {program}; pods taken from it: {machines}"


def _when(worker: Worker, now: datetime) -> str:
    started, finished = worker.status.started_at, worker.status.finished_at
    if started is None:
        return " has not begun"
    if finished is None:
        return f" began {human_duration(now - started)} ago"
    return f" took {human_duration(finished - started)}, ended {human_duration(now - finished)} ago"


def error_text(error: LastError, now: datetime) -> str:
    what = error.reason or "unknown"
    if error.exit_code is not None:
        what += f" (exit code {error.exit_code})"
    if error.pod:
        what += f" in pod {error.pod}"
        what += f", container {error.container}" if error.container else ""
    if error.at is not None:
        what += f", {human_duration(now - error.at)} ago"
    if error.category == FailureCategory.INFRASTRUCTURE:
        what += "; the program is not to blame"
    return f"{what}: {error.message}" if error.message else what


def attempt_rows(attempts: Sequence[WorkerAttempt], now: datetime) -> list[tuple[str, ...]]:
    """Under ATTEMPT_HEADS, oldest first."""
    return [
        (
            str(each.run),
            each.pod,
            str(each.restart),
            each.node or "-",
            human_duration(now - each.started_at) + " ago" if each.started_at else "-",
            _took(each, now),
            each.outcome or "-",
            "-" if each.exit_code is None else str(each.exit_code),
        )
        for each in attempts
    ]


def _took(attempt: WorkerAttempt, now: datetime) -> str:
    if attempt.started_at is None:
        return "-"
    return human_duration((attempt.finished_at or now) - attempt.started_at)
