"""Which plugins a job has, and that they go together."""

from shoal.admission import jobs
from shoal.controllers.volcano.job_plugins.ssh_keys import KeyPair
from shoal.controllers.volcano.job_plugins.table import PLUGINS, build_plugins, needs_keys
from tests.unit.controllers.volcano.job_plugins.pods_of_jobs import edited, job_of, variables


def test_plugins_have_one_order_whatever_the_job_says() -> None:
    for names in (list(PLUGINS), list(reversed(list(PLUGINS)))):
        job = job_of("j", worker=1).spec(plugins={name: [] for name in names}).obj()
        assert [plugin.name for plugin in build_plugins(job)] == list(PLUGINS)


def test_plugins_that_nobody_knows_are_passed_over() -> None:
    job = job_of("j", worker=1).spec(plugins={"svc": [], "teleport": []}).obj()
    assert [plugin.name for plugin in build_plugins(job)] == ["svc"]


def test_arguments_reach_their_plugin() -> None:
    job = job_of("j", master=1, worker=1).spec(plugins={"pytorch": ["--port=1"]}).obj()
    (plugin,) = build_plugins(job)
    assert variables(edited(plugin, job))["MASTER_PORT"] == "1"


def test_the_rank_of_pytorch_is_that_of_collective_communication() -> None:
    job = job_of("j", master=2, worker=1).spec(plugins={"hcclrank": [], "pytorch": []}).obj()
    pod = edited(build_plugins(job)[0], job)
    pod = edited(build_plugins(job)[1], job, pod=pod)
    assert pod["metadata"]["annotations"] == {"hccl/rankIndex": "1"}


def test_keys_are_asked_for_where_the_secret_is_made_and_nowhere_else() -> None:
    asked: list[str] = []

    def keys() -> KeyPair:
        asked.append("asked")
        return KeyPair("", "")

    job = job_of("j", worker=1).spec(plugins={"ssh": []}).obj()
    (plugin,) = build_plugins(job, keys)
    edited(plugin, job)
    assert asked == []
    plugin.objects(job)
    assert asked == ["asked"]


def test_only_a_job_with_ssh_and_no_key_of_its_own_needs_keys() -> None:
    def needs(**plugins: list[str]) -> bool:
        return needs_keys(job_of("j", worker=1).spec(plugins=plugins).obj())

    assert needs(ssh=[])
    assert not needs(svc=[])
    assert not needs(ssh=["--ssh-private-key=mine"])


def test_every_plugin_may_be_named_in_a_job_and_no_other():
    assert set(jobs.PLUGINS) == set(PLUGINS)
