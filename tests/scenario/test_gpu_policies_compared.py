"""The policies on a small synthetic trace: pods arrive one by one until they ask for as many GPUs
as there are; who finds no room is dropped.

The trace is made by scripts/make_gpu_trace.py in the columns of the openb trace. It is synthetic,
so the figures say nothing of the real one; the order of the policies is that of the FGD paper.
"""

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from shoal.api.gpu_sharing import models_of
from shoal.scheduler.plugins.gpu.typical_pods import PodShape, most_frequent
from shoal.testing.builders import NodeBuilder, PodBuilder, make_node, make_pod
from tests.staged import Stage

# One process makes the fixture for all of them.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("gpu-policies")]

FOLDER = Path(__file__).parent / "gpu_trace"
PREFIX = "alibabacloud.com/gpu-"
Row = dict[str, str]


def rows(name: str) -> list[Row]:
    with (FOLDER / name).open(newline="") as file:
        return list(csv.DictReader(file))


def node(row: Row) -> NodeBuilder:
    made = make_node(row["sn"]).capacity(
        {f"{PREFIX}count": row["gpu"]},
        cpu=f"{row['cpu_milli']}m",
        memory=f"{row['memory_mib']}Mi",
        pods="1000",
    )
    return made.label(f"{PREFIX}card-model", row["model"])


def pod(row: Row) -> PodBuilder:
    made = make_pod(row["name"])
    made = made.req(cpu=f"{row['cpu_milli']}m", memory=f"{row['memory_mib']}Mi")
    if row["num_gpu"] == "0":
        return made
    asked = {"milli": row["gpu_milli"], "count": row["num_gpu"], "card-model": row["gpu_spec"]}
    return made.annotations(**{PREFIX + name: text for name, text in asked.items() if text})


def shape(row: Row) -> PodShape:
    milli, count = int(row["gpu_milli"]), int(row["num_gpu"])
    return PodShape(int(row["cpu_milli"]), milli, count, models_of(row["gpu_spec"]))


def configuration(plugin: str, choice: str, learns: bool) -> str:
    typical = [
        {
            "cpuMilli": each.cpu_millis,
            "gpuMilli": each.gpu_milli,
            "gpuCount": each.gpu_count,
            "gpuModels": "|".join(sorted(each.models)),
            "weight": frequency,
        }
        for each, frequency in most_frequent(Counter(map(shape, rows("pods.csv"))))
    ]
    given = {"typicalPods": typical} if plugin == "FGDScore" and not learns else {}
    score = {"disabled": [{"name": "*"}], "enabled": [{"name": plugin}]}
    profile = {
        "plugins": {"multiPoint": {"enabled": [{"name": "GpuShare"}]}, "score": score},
        "pluginConfig": [
            {"name": "GpuShare", "args": {"gpuSelMethod": choice, **given}},
            {"name": plugin, "args": given},
        ],
    }
    version = "kubescheduler.config.k8s.io/v1"
    return json.dumps(
        {"apiVersion": version, "kind": "KubeSchedulerConfiguration", "profiles": [profile]}
    )


def allocated(plugin: str, choice: str = "best", learns: bool = False) -> float:
    """Percent of all GPUs that are given when as many were asked for as there are."""
    nodes = rows("nodes.csv")
    capacity = 1000 * sum(int(row["gpu"]) for row in nodes)
    here = Stage(configuration(plugin, choice, learns), map(node, nodes))
    arrived = used = 0
    for row in rows("pods.csv"):
        asked = int(row["num_gpu"]) * int(row["gpu_milli"])
        if arrived + asked > capacity:
            break
        arrived += asked
        here.run(pod(row))
        if here.node_of(row["name"]):
            used += asked
        else:
            here.delete(row["name"])
    return 100 * used / capacity


@pytest.fixture(scope="module")
def percent() -> dict[str, float]:
    found = {
        plugin: allocated(plugin)
        for plugin in ("DotProductScore", "BestFitScore", "GpuPackingScore", "GpuClusteringScore")
    }
    found["FGDScore"] = allocated("FGDScore", "FGDScore")
    found["learned"] = allocated("FGDScore", "FGDScore", learns=True)
    return found


@pytest.mark.parametrize(
    "rival", ["DotProductScore", "BestFitScore", "GpuPackingScore", "GpuClusteringScore"]
)
def test_fgd_gives_more_of_the_gpus_than_its_rivals(percent: dict[str, float], rival: str) -> None:
    assert percent["FGDScore"] > percent[rival]


def test_fgd_that_learns_its_typical_pods_does_about_as_well(percent: dict[str, float]) -> None:
    assert percent["learned"] > percent["DotProductScore"]
    assert percent["learned"] > percent["FGDScore"] - 3
