"""What became of the requests for resources, and how long they took.

Counted where a path has become a target, so that there are only as many counters as things that
are served, whatever senders make up. A request with a stream as its answer ends when the stream
begins. `metrics` shows the counters; this is the hot path, and adds one or two microseconds to it.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Awaitable
from enum import StrEnum

from shoal.api.status import ApiError
from shoal.apiserver.exchange import Request, Response
from shoal.apiserver.query import is_true
from shoal.apiserver.requests import Target
from shoal.base.clock import Clock

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds; what takes longer than the last has a bucket of its own."""

Outcome = tuple[str, str, str, str, int]
"""Verb, group, plural, subresource, code."""


class RequestKind(StrEnum):
    READ_ONLY = "readOnly"
    MUTATING = "mutating"


class Durations:
    """A histogram over BUCKETS_S."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS_S) + 1)
        """Not cumulative."""
        self.sum_s = 0.0

    def add(self, duration_s: float) -> None:
        self.counts[bisect_left(BUCKETS_S, duration_s)] += 1
        self.sum_s += duration_s


class RequestCounts:
    """Counts as requests pass through; `metrics` shows them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.in_flight = dict.fromkeys(RequestKind, 0)
        self.outcomes: defaultdict[Outcome, int] = defaultdict(int)
        self.durations: defaultdict[str, Durations] = defaultdict(Durations)
        """By verb."""

    async def counted(
        self, request: Request, target: Target, answer: Awaitable[Response]
    ) -> Response:
        """`answer`, which is what the request for this target comes to."""
        is_read = request.method in {"GET", "HEAD"}
        kind = RequestKind.READ_ONLY if is_read else RequestKind.MUTATING
        self.in_flight[kind] += 1
        started_s = self._clock.monotonic()
        code = 500
        try:
            response = await answer
            code = response.status
            return response
        except ApiError as error:
            code = error.code
            raise
        finally:
            self.in_flight[kind] -= 1
            verb = verb_of(request, target)
            resource = target.served.resource
            self.outcomes[verb, resource.group, resource.plural, target.subresource, code] += 1
            self.durations[verb].add(self._clock.monotonic() - started_s)


def verb_of(request: Request, target: Target) -> str:
    """The method, but for reads and deletes of collections. Names: Kubernetes v1.36,
    apiserver/pkg/endpoints/metrics."""
    if target.name:
        return request.method
    match request.method:
        case "DELETE":
            return "DELETECOLLECTION"
        case "GET" if "watch=" in request.query_string and is_true(request.query(), "watch"):
            return "WATCH"
        case "GET":
            return "LIST"
        case method:
            return method
