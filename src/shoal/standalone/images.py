"""The images that come with Shoal: its own programs, run by the Python that runs Shoal, and one
for programs of users that need it: `shoal/worker` brings `python` with `shoal.worker`, and `shoal`.

They are looked up after shoal.yaml, so a user's mapping wins.
"""

import os
import sys
from pathlib import Path

from shoal.agent.images import ImageMapping
from shoal.controllers.ploto.controller import DEFAULT_SIDECAR_IMAGE

_PROGRAMS = {
    DEFAULT_SIDECAR_IMAGE: "shoal.executor.sidecar",
    "shoal/scale-webhook": "shoal.executor.webhook",
    "shoal/simple-logger": "shoal.executor.simple_logger",
}

WORKER_IMAGE = "shoal/worker"


def own_images(kubeconfig: Path | None) -> list[ImageMapping]:
    """`kubeconfig` is how they reach the API server where a pod's service account cannot be
    mounted; None where it can."""
    env = {"KUBECONFIG": str(kubeconfig)} if kubeconfig is not None else {}
    programs = [
        ImageMapping(match=f"{image}{tag}", command=[sys.executable, "-m", module], env=env)
        for image, module in _PROGRAMS.items()
        for tag in ("", ":*")
    ]
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    workers = [
        ImageMapping(match=f"{WORKER_IMAGE}{tag}", env={**env, "PATH": path}) for tag in ("", ":*")
    ]
    return [*programs, *workers]
