"""Commands to jobs, each carried out exactly once.

An action that changes a job raises its version, so the version is the proof of what has been done:

    1. the version that the command will make is written on the command
    2. the job's status is written, with that version
    3. the command is deleted

A controller that is killed in between finds the version on the command, and either the job has
it, or it has not yet. No other write of the controller comes between: the oldest command of a job
is the first thing it looks at. (Volcano v1.15 deletes first, and loses the command when it is
killed then.)
"""

from collections.abc import Iterator

from shoal.api.meta import ObjectKey
from shoal.api.status import ApiError
from shoal.api.volcano.command import COMMANDS, Command, age
from shoal.api.volcano.job import JOBS, Job, JobPhase
from shoal.api.volcano.lifecycle import JobAction
from shoal.client.existence import find, remove
from shoal.client.informer import Lister
from shoal.client.protocol import Client
from shoal.controllers.volcano.job_policies import action_named
from shoal.controllers.volcano.job_state import TARGETED, step_of_action

BY_JOB = "job"
"""Index of commands by `job_of`."""
MAKES_VERSION = "shoal.io/makes-job-version"
"""Annotation of a command that is being carried out: step 1."""


def job_of(command: Command) -> ObjectKey | None:
    """Whom it is for; None for commands to queues."""
    target = command.target
    if target is None or (target.api_version, target.kind) != (JOBS.api_version, JOBS.kind):
        return None
    return ObjectKey(command.metadata.namespace, target.name)


def index_by_job(command: Command) -> Iterator[str]:
    key = job_of(command)
    if key is not None:
        yield str(key)


def made_version(command: Command) -> int | None:
    """What stands on the command; None where it has not been begun."""
    text = command.metadata.annotations.get(MAKES_VERSION, "")
    return int(text) if text.isdecimal() else None


def effect(job: Job, command: Command) -> JobAction | None:
    """What the command does to the job as it is; None where that is nothing.

    A job that is being restarted can only be restarted as a whole; other commands wait for the
    end of that (`must_wait`).
    """
    asked = action_named(command.action)
    # Restarts of a part name no part here: commands have no field for one.
    if asked is None or asked in TARGETED:
        return None
    if asked is JobAction.RESTART_JOB and job.phase is JobPhase.RESTARTING:
        return asked
    return asked if step_of_action(job.phase, asked) is not None else None


def must_wait(job: Job, command: Command) -> bool:
    """Whether it would be lost now: Volcano drops what is asked of a restarting job."""
    ends = {JobAction.ABORT_JOB, JobAction.COMPLETE_JOB, JobAction.TERMINATE_JOB}
    return job.phase is JobPhase.RESTARTING and command.action in ends


class JobCommands:
    def __init__(self, client: Client, commands: Lister[Command]) -> None:
        self._client = client
        self._commands = commands
        self._done: set[str] = set()

    def next_of(self, key: ObjectKey) -> Command | None:
        """The one that was begun, or else the oldest; those that an informer still shows after
        they have been carried out do not count."""
        waiting = self._commands.by_index(BY_JOB, str(key))
        left = (each for each in waiting if each.metadata.uid not in self._done)
        return min(left, key=_rank, default=None)

    def forget(self, command: Command) -> None:
        """It is gone."""
        self._done.discard(command.metadata.uid)

    async def begin(self, command: Command, version: int) -> Command | None:
        """Step 1. None where the command has gone; raises a conflict where it has changed."""
        meta = command.metadata
        patch = {
            "metadata": {
                "resourceVersion": meta.resource_version,
                "annotations": {MAKES_VERSION: str(version)},
            }
        }
        try:
            return await self._client.patch(COMMANDS, meta.name, patch, meta.namespace)
        except ApiError as error:
            if error.is_not_found:
                self._done.add(meta.uid)
                return None
            raise

    async def delete(self, command: Command) -> None:
        """Step 3."""
        await remove(self._client, COMMANDS, command.metadata)
        self._done.add(command.metadata.uid)

    async def delete_homeless(self, key: ObjectKey) -> None:
        """Commands to a job that is not there, if the server says so, too."""
        waiting = self._commands.by_index(BY_JOB, str(key))
        if not waiting:
            return
        if await find(self._client, JOBS, key.name, key.namespace) is None:
            for command in waiting:
                await self.delete(command)


def is_for(job: Job, command: Command) -> bool:
    """Whether it means this job, and not one of the same name before it."""
    assert command.target is not None, "it is found by its target"
    return command.target.uid in ("", job.metadata.uid)


def _rank(command: Command) -> tuple[object, ...]:
    return (made_version(command) is None, *age(command))
