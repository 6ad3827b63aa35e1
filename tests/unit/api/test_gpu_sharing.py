"""Annotations that ask for GPUs, and those that record them."""

import pytest

from shoal.api.gpu_sharing import (
    GpuRequest,
    GpuRequestError,
    gpu_count,
    gpu_model,
    gpu_request,
    recorded_devices,
    written_devices,
)
from shoal.testing.builders import make_node

PREFIX = "alibabacloud.com/gpu-"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, None),
        ({"card-model": "T4"}, None),
        ({"milli": "0", "count": "0"}, None),
        ({"milli": "460", "count": "1"}, GpuRequest(460)),
        ({"milli": "460"}, GpuRequest(460, 1)),
        ({"count": "8"}, GpuRequest(1000, 8)),
        (
            {"milli": "1000", "count": "2", "card-model": "V100M16|V100M32|"},
            GpuRequest(1000, 2, frozenset({"V100M16", "V100M32"})),
        ),
    ],
)
def test_a_pod_asks_by_annotations(asked: dict[str, str], expected: GpuRequest | None) -> None:
    assert gpu_request({PREFIX + name: text for name, text in asked.items()}) == expected


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"milli": "half"}, 'gpu-milli is "half", but must be a whole number'),
        ({"milli": "-1"}, 'gpu-milli is "-1", but must be a whole number'),
        ({"count": "1.5"}, 'gpu-count is "1.5", but must be a whole number'),
        ({"milli": "1001"}, "asks for 1001 thousandths of a GPU, but each has 1000"),
        ({"count": "65"}, "asks for 65 GPUs, but no node has more than 64"),
    ],
)
def test_what_there_cannot_be_is_refused(asked: dict[str, str], text: str) -> None:
    with pytest.raises(GpuRequestError) as refused:
        gpu_request({PREFIX + name: value for name, value in asked.items()})
    assert text in str(refused.value)


@pytest.mark.parametrize(
    ("text", "devices"), [("3", (3,)), ("0-1-1", (0, 1, 1)), ("", ()), ("a", ()), ("1-", ())]
)
def test_devices_are_read_as_they_are_written(text: str, devices: tuple[int, ...]) -> None:
    assert recorded_devices({PREFIX + "index": text}) == devices
    if devices:
        assert written_devices(devices) == text


def test_a_node_says_how_many_devices_it_has_and_of_which_model() -> None:
    node = make_node("n").capacity({PREFIX + "count": "2", PREFIX + "milli": "2000"})
    assert (gpu_count(node.obj()), gpu_model(node.obj())) == (2, "")
    assert gpu_model(node.label(PREFIX + "card-model", "T4").obj()) == "T4"
    assert gpu_count(make_node("n").obj()) == 0
