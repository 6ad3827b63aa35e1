"""Make the small synthetic GPU trace that tests compare placement policies on.

Run as `python scripts/make_gpu_trace.py`; it writes tests/scenario/gpu_trace/. Columns are those of
Alibaba's cluster-trace-gpu-v2023 (openb), whose proportions of nodes and pods it imitates roughly;
every number in it is drawn at random, none is from the trace.
"""

import csv
import random
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "tests" / "scenario" / "gpu_trace"
SEED = 2023
PODS = 1200

# cores, GPUs, model, how many nodes
NODES = (
    (64, 2, "P100", 26),
    (96, 2, "T4", 40),
    (96, 8, "G2", 55),
    (128, 8, "G3", 4),
    (64, 4, "V100M16", 6),
    (96, 0, "", 15),
)
# cores, GPUs, thousandths, models, how frequent in thousandths
PODS_BY_FREQUENCY = (
    ((4, 8, 12), 0, (0,), "", 133),
    ((4, 6, 8, 12), 1, (110, 220, 320, 460, 470, 550, 650, 810), "", 378),
    ((4, 8, 12, 12, 16, 18), 1, (1000,), "", 470),
    ((8, 16), 1, (1000,), "V100M16|G3", 10),
    ((16, 32), 2, (1000,), "", 2),
    ((32, 48), 4, (1000,), "", 2),
    ((64, 88), 8, (1000,), "", 5),
)


def main() -> None:
    """Write both files anew; the same ones each time."""
    chance = random.Random(SEED)
    FOLDER.mkdir(exist_ok=True)
    kinds = [(cores, gpus, model) for cores, gpus, model, count in NODES for _ in range(count)]
    chance.shuffle(kinds)
    with (FOLDER / "nodes.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("sn", "cpu_milli", "memory_mib", "gpu", "model"))
        for number, (cores, gpus, model) in enumerate(kinds):
            name = f"synthetic-node-{number:04}"
            rows.writerow((name, cores * 1000, cores * 4096, gpus, model))
    weights = [each[-1] for each in PODS_BY_FREQUENCY]
    with (FOLDER / "pods.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli", "gpu_spec"))
        for number in range(PODS):
            (kind,) = chance.choices(PODS_BY_FREQUENCY, weights)
            cores, gpus, millis, models, _ = kind
            drawn = chance.choice(cores)
            name = f"synthetic-pod-{number:04}"
            rows.writerow((name, drawn * 1000, drawn * 2048, gpus, chance.choice(millis), models))


if __name__ == "__main__":
    main()
