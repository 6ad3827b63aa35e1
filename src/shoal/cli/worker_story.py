"""What `shoal explain` says of a worker: what it became and why, what else there was, and how it
fares. Pure; the table of strategies decides here as it does in the controller.
"""

from datetime import datetime

from shoal.api.meta import find_condition
from shoal.api.worker import FailureCategory, LastError, Worker, WorkerMode, WorkerPhase
from shoal.cli.phrases import condition_line, counted, lasting
from shoal.controllers.worker.strategy import NoStrategy, StrategyChoice, alternatives, choose

_GOOD = {"Valid": "True", "QueueReachable": "True", "Notified": "True"}


def worker_story(worker: Worker, now: datetime) -> list[str]:
    """Sentences, the most telling first."""
    status = worker.status
    phase = status.phase or WorkerPhase.PENDING
    since = status.finished_at or status.started_at
    message = f": {status.message}" if status.message else ""
    lines = [f"Worker {worker.metadata.key} is {phase}{lasting(since, now)}{message}."]
    choice = choose(worker)
    lines += _choice_lines(worker, choice)
    lines += [
        condition_line(condition, now)
        for condition in status.conditions
        if condition.status != _GOOD.get(condition.type, condition.status)
        and not (condition.message and condition.message == status.message)
    ]
    lines += _failure_lines(worker, now)
    if isinstance(choice, StrategyChoice):
        lines += [
            f"  Instead, a {each.kind} with {each.restart_policy} would {each.consequence}."
            for each in alternatives(worker, choice)
        ]
    return lines


def _choice_lines(worker: Worker, choice: StrategyChoice | NoStrategy) -> list[str]:
    chosen = worker.status.strategy
    if isinstance(choice, NoStrategy):
        is_told = choice.message == worker.status.message
        return [] if is_told else [f"  No object can be chosen: {choice.message}."]
    if chosen is None:
        return [f"  It will be a {choice.kind} with {choice.restart_policy}: {choice.reason}"]
    reason = chosen.reason.rstrip(".")
    name = f"{chosen.name}*" if chosen.name.endswith("-") else chosen.name
    lines = [f"  It is {chosen.kind} {name} with restartPolicy {chosen.restart_policy}: {reason}."]
    if chosen.kind != choice.kind:
        lines.append(f"  The next run will be a {choice.kind}: {choice.reason}")
    return lines


def _failure_lines(worker: Worker, now: datetime) -> list[str]:
    spec, status = worker.spec, worker.status
    lines: list[str] = []
    program, machine = status.application_failures, status.infrastructure_failures
    has_budget = spec.mode != WorkerMode.STREAM and (
        status.strategy is None or status.strategy.kind != "Pod"
    )
    if (program or machine) and has_budget:
        lines.append(
            f"  Its program has failed {counted(program, 'time')} and may fail {spec.retries};"
            f" its pods were taken from it {counted(machine, 'time')}, and may be"
            f" {spec.infrastructure_retries}."
        )
    elif program or machine:
        lines.append(
            f"  Its program has failed {counted(program, 'time')}; its pods were taken from it"
            f" {counted(machine, 'time')}."
        )
    if status.last_error is not None:
        lines.append(_error_line(status.last_error, now))
    failed = find_condition(status.conditions, "Failed")
    if failed is not None and failed.status == "True" and status.attempts:
        pod = status.attempts[-1].pod
        lines.append(f"  Its log: shoal logs {pod} -n {worker.metadata.namespace}")
    return lines


def _error_line(error: LastError, now: datetime) -> str:
    whose = (
        "taken from its program"
        if error.category == FailureCategory.INFRASTRUCTURE
        else "its program's own"
    )
    code = f", exit code {error.exit_code}" if error.exit_code is not None else ""
    text = f": {error.message}" if error.message else ""
    when = lasting(error.at, now).replace(" for ", " ") + " ago" if error.at is not None else ""
    return f"  The last failure, {whose}, was {error.reason}{code} in pod {error.pod}{when}{text}"
