"""Which plugins there are, and in which order they meet a pod."""

from collections.abc import Callable, Mapping, Sequence

from shoal.api.volcano.job import Job
from shoal.controllers.volcano.job_plugins.plugin import JobPlugin

PluginFactory = Callable[[Sequence[str]], JobPlugin]
"""Makes a plugin from its arguments in `spec.plugins`."""

PLUGINS: Mapping[str, PluginFactory] = {}


def build_plugins(job: Job) -> list[JobPlugin]:
    """The job's plugins in the order of `PLUGINS`, whatever order the job names them in. Names
    that are not there are passed over: admission refuses them."""
    wanted = job.spec.plugins
    return [make(wanted[name]) for name, make in PLUGINS.items() if name in wanted]
