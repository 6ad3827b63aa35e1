"""The API server in numbers: requests, open streams, the store's revision.

Names and labels are kube-apiserver's where it has the same. Importing this takes a while
(prometheus-client); whoever shows metrics does so when they are first asked for.
"""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from shoal.apiserver.core import Core
from shoal.apiserver.request_counts import BUCKETS_S, RequestCounts


class ApiServerMetrics(Collector):
    def __init__(self, core: Core) -> None:
        self._core = core

    def collect(self) -> Iterator[Metric]:
        requests = self._core.requests
        yield _totals(requests)
        yield _durations(requests)
        in_flight = GaugeMetricFamily(
            "apiserver_current_inflight_requests",
            "Requests for resources that are being answered.",
            labels=["request_kind"],
        )
        for kind, count in requests.in_flight.items():
            in_flight.add_metric([kind], count)
        yield in_flight
        yield GaugeMetricFamily(
            "apiserver_longrunning_requests",
            "Open watches and followed logs, those of Shoal's own parts included.",
            self._core.streams.count,
        )
        yield GaugeMetricFamily(
            "shoal_store_revision", "Writes since the store was made.", self._core.store.revision
        )


def _totals(requests: RequestCounts) -> Metric:
    family = CounterMetricFamily(
        "apiserver_request",
        "Requests for resources that were answered.",
        labels=["verb", "group", "resource", "subresource", "code"],
    )
    for (*names, code), count in requests.outcomes.items():
        family.add_metric([*names, str(code)], count)
    return family


def _durations(requests: RequestCounts) -> Metric:
    family = HistogramMetricFamily(
        "apiserver_request_duration_seconds",
        "Time that answering took, up to the start of a stream.",
        labels=["verb"],
    )
    bounds = [*map(str, BUCKETS_S), "+Inf"]
    for verb, durations in requests.durations.items():
        buckets = list(zip(bounds, accumulate(durations.counts), strict=True))
        family.add_metric([verb], buckets, durations.sum_s)
    return family
