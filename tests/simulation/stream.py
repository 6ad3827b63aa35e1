"""A stream of small jobs that end, and a large gang that arrives amid it."""

from dataclasses import dataclass
from datetime import timedelta

from shoal.api.volcano import keys
from shoal.testing.builders import make_node, make_pod
from shoal.testing.rehearsal import Rehearsal
from shoal.testing.volcano import make_pod_group, make_queue


@dataclass(frozen=True)
class Stream:
    """Times in seconds."""

    nodes: int
    cpus: int
    """Of each node."""
    gang: int
    """Members of the large gang, of which each takes a whole node."""
    arrives: int
    durations: tuple[int, ...]
    """Of small jobs, in turns."""
    strategy: str
    knows_durations: bool
    goes_on: bool = True
    """Whether small jobs arrive after the gang has."""


def gang_starts_after(stream: Stream, most: int) -> int | None:
    """Seconds from the gang's arrival to its start; None where it waits for more than `most`."""
    rehearsal = Rehearsal()
    rehearsal.add(make_queue("root"), make_queue("default").spec(dequeueStrategy=stream.strategy))
    for number in range(stream.nodes):
        rehearsal.add(make_node(f"n{number}").capacity(cpu=str(stream.cpus)))
    jobs = _Jobs(rehearsal, stream)
    for second in range(stream.arrives + most):
        jobs.end_those_that_are_done()
        if second == stream.arrives:
            _submit_gang(rehearsal, stream)
        if second < stream.arrives or stream.goes_on:
            jobs.keep_two_waiting()
        rehearsal.advance(1)
        jobs.see_who_started()
        if second >= stream.arrives and rehearsal.node_of("gang-0") is not None:
            return second - stream.arrives
    return None


def _submit_gang(rehearsal: Rehearsal, stream: Stream) -> None:
    rehearsal.add(make_pod_group("gang").needs(stream.gang).created(rehearsal.now))
    for number in range(stream.gang):
        pod = make_pod(f"gang-{number}").req(cpu=str(stream.cpus)).spec(restartPolicy="Never")
        rehearsal.add(pod.annotations(**{keys.GROUP_NAME: "gang"}))


class _Jobs:
    def __init__(self, rehearsal: Rehearsal, stream: Stream) -> None:
        self._rehearsal = rehearsal
        self._stream = stream
        self._count = 0
        self._waiting: dict[str, int] = {}
        """Name of the pod -> how long it will run."""
        self._ends: dict[str, float] = {}

    def _now_s(self) -> float:
        return self._rehearsal.now.timestamp()

    def keep_two_waiting(self) -> None:
        while len(self._waiting) < 2:
            duration = self._stream.durations[self._count % len(self._stream.durations)]
            self._count += 1
            name = f"job-{self._count}"
            group = make_pod_group(name).needs(1)
            group = group.created(self._rehearsal.now + timedelta(milliseconds=self._count % 999))
            if self._stream.knows_durations:
                group = group.annotations(**{keys.RUNNING_ESTIMATE: f"{duration}s"})
            pod = make_pod(name).req(cpu="1").spec(restartPolicy="Never")
            pod = pod.annotations(**{keys.GROUP_NAME: name})
            self._waiting[name] = duration
            self._rehearsal.add(group, pod)

    def see_who_started(self) -> None:
        for name in [each for each in self._waiting if self._rehearsal.node_of(each)]:
            self._ends[name] = self._now_s() - 1 + self._waiting.pop(name)
            started = self._rehearsal.now - timedelta(seconds=1)
            self._change(name, "Running", started.isoformat().replace("+00:00", "Z"))

    def end_those_that_are_done(self) -> None:
        for name in [each for each, end in self._ends.items() if end <= self._now_s()]:
            del self._ends[name]
            self._change(name, "Succeeded")

    def _change(self, name: str, phase: str, started: str = "") -> None:
        times = {"startTime": started} if started else {}
        self._rehearsal.change(name, lambda pod: pod.status(phase=phase, **times))
