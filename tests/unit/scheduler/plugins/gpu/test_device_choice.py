"""Which devices a pod gets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.gpu_sharing import GpuRequest
from shoal.scheduler.plugins.gpu.device_choice import fits, loosest, packed, tightest

LEFT = st.lists(st.sampled_from((0, 100, 250, 500, 900, 1000)), min_size=1, max_size=8)
REQUESTS = st.builds(GpuRequest, st.sampled_from((100, 250, 400, 500, 1000)), st.integers(1, 4))


@pytest.mark.parametrize(
    ("milli", "count", "left", "best", "worst"),
    [
        (300, 1, [1000, 400, 300, 300], (2,), (0,)),
        (300, 1, [200, 1000, 1000], (1,), (1,)),
        (300, 1, [200, 0], (), ()),
        (1000, 1, [500, 1000, 1000], (1,), (1,)),
        (1000, 2, [1000, 999, 1000, 1000], (0, 2), (0, 2)),
        (1000, 2, [1000, 999], (), ()),
        (400, 3, [900, 300, 500], (0, 0, 2), (0, 0, 2)),
    ],
)
def test_devices_are_chosen_by_rule(
    milli: int, count: int, left: list[int], best: tuple[int, ...], worst: tuple[int, ...]
) -> None:
    request = GpuRequest(milli, count)
    assert (tightest(request, left), loosest(request, left)) == (best, worst)


@given(REQUESTS, LEFT)
def test_what_passes_the_filter_gets_devices_with_room_and_nothing_else_does(
    request: GpuRequest, left: list[int]
) -> None:
    column = np.array(left, np.int64)[:, None]
    for choose in (tightest, loosest):
        devices = choose(request, left)
        assert bool(devices) == fits(request, column)[0]
        for device in set(devices):
            assert devices.count(device) * request.milli <= left[device]


@given(REQUESTS, LEFT)
def test_packing_takes_the_devices_with_the_least_left(
    request: GpuRequest, left: list[int]
) -> None:
    taken = np.flatnonzero(packed(request, np.array(left, np.int64)[:, None])[:, 0]).tolist()
    fitting = [device for device, milli in enumerate(left) if milli >= request.milli]
    assert taken == sorted(sorted(fitting, key=lambda each: left[each])[: request.count])
