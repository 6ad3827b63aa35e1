"""A Worker from the flags of `shoal worker run`. Pure; what the flags cannot say goes in a file."""

from collections.abc import Sequence
from dataclasses import dataclass

from shoal.api.resource import JsonObject
from shoal.api.worker import WORKERS, WorkerMode
from shoal.cli.output import CliError
from shoal.cli.volcano.amounts import parse_amounts


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFlags:
    """One worker; what is empty or None is left to the defaults of the kind."""

    name: str
    image: str
    mode: str = "batch"
    command: Sequence[str] = ()
    env: Sequence[str] = ()
    """`KEY=VALUE`."""
    requests: str = ""
    limits: str = ""
    is_resumable: bool = False
    is_idempotent: bool = False
    parallelism: int | None = None
    retries: int | None = None
    cron: str | None = None
    time_zone: str | None = None
    pattern: str = ""
    items: Sequence[str] = ()
    queue: str = ""
    url_secret: str = ""
    """`NAME/KEY`."""

    def manifest(self) -> JsonObject:
        """Raises CliError where flags do not go together or cannot be read."""
        mode = _one_of(self.mode, [each.value for each in WorkerMode], "--mode")
        spec: JsonObject = {"mode": mode, "image": self.image}
        if self.command:
            spec["command"] = list(self.command)
        if self.env:
            spec["env"] = [_variable(text) for text in self.env]
        resources = {
            what: parse_amounts(text, f"--{what}")
            for what, text in (("requests", self.requests), ("limits", self.limits))
            if text
        }
        if resources:
            spec["resources"] = resources
        spec |= {"resumable": True} if self.is_resumable else {}
        spec |= {"idempotent": True} if self.is_idempotent else {}
        spec |= {"parallelism": self.parallelism} if self.parallelism is not None else {}
        spec |= {"retries": self.retries} if self.retries is not None else {}
        spec |= self._schedule()
        spec |= self._queue(mode)
        return {
            "apiVersion": WORKERS.api_version,
            "kind": WORKERS.kind,
            "metadata": {"name": self.name},
            "spec": spec,
        }

    def _schedule(self) -> JsonObject:
        for flag, text in (("--schedule", self.cron), ("--time-zone", self.time_zone)):
            # An unset variable must not start at once what is for the night.
            if text is not None and not text.strip():
                raise CliError(f"{flag} is empty; fill it in, or leave it out")
        if self.cron is None:
            if self.time_zone is not None:
                raise CliError("--time-zone is about --schedule; give both")
            return {}
        zone = {"timeZone": self.time_zone} if self.time_zone is not None else {}
        return {"schedule": {"cron": self.cron, **zone}}

    def _queue(self, mode: str) -> JsonObject:
        if mode != WorkerMode.QUEUE:
            if self.pattern or self.items or self.queue or self.url_secret:
                raise CliError(
                    "--pattern, --item, --queue and --url-secret are for --mode queue; add that"
                )
            return {}
        queue: JsonObject = {}
        if self.pattern:
            known = ["Drain", "ItemPerPod", "JobPerItem"]
            queue["pattern"] = _one_of(self.pattern, known, "--pattern")
        if self.queue:
            queue["name"] = self.queue
        if self.items:
            queue["items"] = list(self.items)
        if self.url_secret:
            name, slash, key = self.url_secret.partition("/")
            if not (name and slash and key):
                raise CliError(f'--url-secret takes SECRET/KEY, not "{self.url_secret}"')
            queue["urlFrom"] = {"secretKeyRef": {"name": name, "key": key}}
        return {"queue": queue}


def _one_of(text: str, known: Sequence[str], flag: str) -> str:
    """The word as the API spells it, whatever its case and hyphens."""
    plain = text.replace("-", "").lower()
    for word in known:
        if word.lower() == plain:
            return word
    raise CliError(f'{flag} takes {", ".join(known[:-1])} or {known[-1]}, not "{text}"')


def _variable(text: str) -> JsonObject:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise CliError(f'--env takes KEY=VALUE, not "{text}"')
    return {"name": name, "value": value}
