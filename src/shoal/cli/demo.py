"""`shoal demo`: the quick start on a control plane of its own, with a live view.

Everything is real: the server, the scheduler, the processes. The folder and all processes are
gone afterwards. It succeeds only if every task completed on an executor, the pool grew, and it
came back to its minimum.
"""

import asyncio
import logging
import shutil
import signal
import tempfile
from contextlib import suppress
from pathlib import Path

import shoal
from shoal.agent.runtime.probing import RuntimeUnavailableError
from shoal.api.core import NAMESPACES
from shoal.api.ploto import DYNAMIC_EXECUTOR_POOLS, TASKS
from shoal.api.status import ApiError
from shoal.base.clock import SystemClock
from shoal.cli import manifests, writing
from shoal.cli.demo_view import DemoView
from shoal.cli.output import CliError
from shoal.cli.progress import Progress, Sample
from shoal.client.protocol import Client
from shoal.standalone import config
from shoal.standalone.control_plane import control_plane
from shoal.standalone.leftovers import end_pods

_POOL = "simple-logger"
_NAMESPACE = "quickstart"
_LIMIT_S = 90.0
_SAMPLE_S = 0.25


def quickstart_folder() -> Path:
    """The manifests: inside the package where it was installed, else in the repository."""
    package = Path(shoal.__file__).parent
    installed = package / "examples" / "quickstart"
    return installed if installed.exists() else package.parents[1] / "examples" / "quickstart"


def run_demo(*, keep: bool, runtime: str) -> bool:
    """Whether all went as promised. Raises CliError where it could not even start."""
    folder = Path(tempfile.mkdtemp(prefix="shoal-demo-"))
    # Logs would tear the live view; they are kept with the folder.
    logging.basicConfig(filename=folder / "shoal.log", level=logging.INFO)
    # An end from outside cleans up as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return asyncio.run(_run(folder, runtime))
    except (config.ConfigError, RuntimeUnavailableError) as error:
        raise CliError(str(error)) from error
    finally:
        # After an interrupt or a failure its processes still run.
        asyncio.run(end_pods(folder, SystemClock()))
        if keep:
            print(f"The demo's folder is {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


async def _run(folder: Path, runtime: str) -> bool:
    settings = config.load(
        data_dir=folder,
        port=0,
        runtime=runtime,
        config_file=None,
        kubeconfig=None,
        nodes=1,
        node_resources="",
    )
    clock = SystemClock()
    view = DemoView()
    view.say("Starting a control plane in a temporary folder ...")
    async with control_plane(settings, clock) as plane:
        view.say(f"It answers at {plane.url} ({plane.runtime}).")
        view.say(f"Applying {quickstart_folder().name}: a pool of 2 to 5 executors, six tasks.")
        await writing.apply(plane.client, [str(quickstart_folder())], "default", say=view.say)
        progress = await _watch(plane.client, clock, view)
        view.finish(progress)
        view.say("Removing what the demo made ...")
        await _clean_up(plane.client)
    return progress.is_success


async def _watch(client: Client, clock: SystemClock, view: DemoView) -> Progress:
    """Samples until the pool is back at its minimum, or the time is up."""
    task_count = sum(each.kind == TASKS.kind for each in manifests.read([str(quickstart_folder())]))
    started_s = clock.monotonic()
    progress = Progress(task_count)
    with view.live():
        while not progress.is_done and clock.monotonic() - started_s < _LIMIT_S:
            sample = await _sample(client, clock.monotonic() - started_s)
            progress = progress.with_sample(sample)
            view.show(progress)
            await clock.sleep(_SAMPLE_S)
    return progress


async def _sample(client: Client, at_s: float) -> Sample:
    pool = await client.get(DYNAMIC_EXECUTOR_POOLS, _POOL, _NAMESPACE)
    tasks = await client.list(TASKS, _NAMESPACE)
    return Sample(
        at_s=at_s,
        tasks=tuple(tasks.items),
        total=pool.status.total_executor or 0,
        busy=pool.status.running_executor or 0,
        minimum=pool.spec.min_executor,
        maximum=pool.spec.max_executor,
    )


async def _clean_up(client: Client) -> None:
    """Delete the namespace and wait: processes must not outlive the demo."""
    await client.delete(NAMESPACES, _NAMESPACE)
    with suppress(ApiError):
        while True:
            await client.get(NAMESPACES, _NAMESPACE)
            await asyncio.sleep(_SAMPLE_S)
