"""Which plugins there are, and in which order they meet a pod."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from shoal.api.volcano.job import Job
from shoal.controllers.volcano.job_plugins.env import EnvPlugin
from shoal.controllers.volcano.job_plugins.hcclrank import HcclRankPlugin
from shoal.controllers.volcano.job_plugins.mpi import MpiPlugin
from shoal.controllers.volcano.job_plugins.plugin import JobPlugin
from shoal.controllers.volcano.job_plugins.pytorch import PytorchPlugin
from shoal.controllers.volcano.job_plugins.ray import RayPlugin
from shoal.controllers.volcano.job_plugins.ssh import SshPlugin
from shoal.controllers.volcano.job_plugins.ssh_keys import KeySource, generate_key_pair
from shoal.controllers.volcano.job_plugins.svc import SvcPlugin
from shoal.controllers.volcano.job_plugins.tensorflow import TensorflowPlugin

PluginFactory = Callable[[Sequence[str], KeySource], JobPlugin]
"""Makes a plugin from its arguments in `spec.plugins`, and the source of the job's keys."""

# Names and variables first; hcclrank after pytorch, because it takes over the rank it sets.
PLUGINS: Mapping[str, PluginFactory] = MappingProxyType(
    {
        "svc": lambda words, _: SvcPlugin(words),
        "env": lambda words, _: EnvPlugin(words),
        "ssh": SshPlugin,
        "tensorflow": lambda words, _: TensorflowPlugin(words),
        "pytorch": lambda words, _: PytorchPlugin(words),
        "mpi": lambda words, _: MpiPlugin(words),
        "ray": lambda words, _: RayPlugin(words),
        "hcclrank": lambda words, _: HcclRankPlugin(words),
    }
)


def build_plugins(job: Job, keys: KeySource = generate_key_pair) -> list[JobPlugin]:
    """The job's plugins in the order of `PLUGINS`, whatever order the job names them in. Names
    that are not there are passed over: admission refuses them.

    `keys` is asked once per call of ssh's `objects`. A caller that asks for objects again hands
    in what the job has already (`ssh_keys.kept_key_pair`), or pods would lose their keys.
    """
    wanted = job.spec.plugins
    return [make(wanted[name], keys) for name, make in PLUGINS.items() if name in wanted]


def needs_keys(job: Job) -> bool:
    """Whether `build_plugins` will ask its key source for this job."""
    words = job.spec.plugins.get(SshPlugin.name)
    return words is not None and SshPlugin(words, generate_key_pair).needs_keys
