"""The configuration file of the scheduler in `shoal up`: found, refused, served with defaults."""

import re
from pathlib import Path

import pytest

from shoal.base.backoff import Backoff
from shoal.scheduler.framework.plugin import QueuedPodInfo
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.standalone.config import ConfigError, Settings, load
from shoal.standalone.scheduler_profiles import build_wanted, with_defaults
from tests.tree import PROJECT

HEAD = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"


def settings(config_file: Path | None = None, scheduler_config: Path | None = None) -> Settings:
    return load(
        data_dir=Path("/data"),
        port=6443,
        runtime="auto",
        config_file=config_file,
        kubeconfig=None,
        nodes=1,
        node_resources="",
        scheduler_config=scheduler_config,
    )


def written(folder: Path, text: str) -> Path:
    path = folder / "scheduler.yaml"
    path.write_text(HEAD + text)
    return path


class ByName:
    name = "ByName"

    def __init__(self, arguments: object, handle: object) -> None:
        pass

    def less(self, left: QueuedPodInfo, right: QueuedPodInfo) -> bool:
        return left.pod.name < right.pod.name


def test_without_a_file_there_is_nothing_to_heed() -> None:
    assert settings().scheduling is None


def test_shoal_yaml_may_name_the_file_from_its_own_folder(tmp_path: Path) -> None:
    written(tmp_path, "podMaxBackoffSeconds: 60")
    config = tmp_path / "shoal.yaml"
    config.write_text("scheduler: {config: scheduler.yaml}")
    scheduling = settings(config).scheduling
    assert scheduling is not None
    assert scheduling.backoff == Backoff(1, 60)


def test_the_flag_goes_before_shoal_yaml(tmp_path: Path) -> None:
    config = tmp_path / "shoal.yaml"
    config.write_text("scheduler: {config: nowhere.yaml}")
    assert settings(config, written(tmp_path, "")).scheduling is not None


def test_all_faults_of_the_file_are_told(tmp_path: Path) -> None:
    path = written(tmp_path, "parallelism: 0\npercentageOfNodesToScore: 200\n")
    with pytest.raises(ConfigError) as refusal:
        settings(scheduler_config=path)
    assert str(refusal.value).splitlines() == [
        f"{path} cannot be used:",
        "  parallelism: Invalid value: 0: should be an integer value greater than zero",
        "  percentageOfNodesToScore: Invalid value: 200: not in valid range [0-100]",
    ]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--scheduler-config .*gone.yaml does not exist"):
        settings(scheduler_config=tmp_path / "gone.yaml")
    (tmp_path / "shoal.yaml").write_text("scheduler: {config: gone.yaml}")
    with pytest.raises(ConfigError, match=r"shoal.yaml: scheduler.config .*gone.yaml does not"):
        settings(config_file=tmp_path / "shoal.yaml")


def test_the_references_examples_can_be_used(tmp_path: Path) -> None:
    page = (PROJECT / "docs" / "reference" / "scheduler-configuration.md").read_text()
    whole, extenders = re.findall(r"```yaml\n(.+?)```", page, re.DOTALL)
    path = written(tmp_path, whole.removeprefix(HEAD) + extenders)
    build_wanted(settings(scheduler_config=path).scheduling, in_tree_registry())


def test_profiles_that_cannot_be_run_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "profiles: [{plugins: {score: {enabled: [{name: Nobody}]}}}]")
    with pytest.raises(ConfigError) as refusal:
        build_wanted(settings(scheduler_config=path).scheduling, in_tree_registry())
    assert str(refusal.value).splitlines() == [
        f"{path} cannot be used:",
        '  profiles[0].plugins.score.enabled[0].name: Invalid value: "Nobody": does not exist; '
        "install its package, or name its class as module:Class",
    ]
    path = written(tmp_path, "profiles: [{plugins: {multiPoint: {enabled: [{name: nodename}]}}}]")
    with pytest.raises(ConfigError, match=r"multiPoint.enabled\[0\].*; did you mean NodeName\?"):
        build_wanted(settings(scheduler_config=path).scheduling, in_tree_registry())
    path = written(tmp_path, "profiles: [{plugins: {bind: {disabled: [{name: '*'}]}}}]")
    with pytest.raises(ConfigError, match=f"{path} cannot be used: .*default-scheduler"):
        build_wanted(settings(scheduler_config=path).scheduling, in_tree_registry())


def test_certificates_that_cannot_be_read_are_told_before_anything_starts(tmp_path: Path) -> None:
    extender = "{urlPrefix: 'https://e', tlsConfig: {caFile: /nowhere}}"
    path = written(tmp_path, f"extenders: [{extender}]")
    with pytest.raises(
        ConfigError, match=r'extenders\[0\].tlsConfig.caFile: .* "/nowhere": cannot'
    ):
        settings(scheduler_config=path)


@pytest.mark.parametrize(
    "plugins",
    [
        'queueSort: {enabled: [{name: ByName}], disabled: [{name: "*"}]}',
        "multiPoint: {enabled: [{name: ByName}], disabled: [{name: PrioritySort}]}",
    ],
)
def test_the_default_profiles_are_served_in_the_files_order(tmp_path: Path, plugins: str) -> None:
    path = written(tmp_path, f"profiles: [{{schedulerName: mine, plugins: {{{plugins}}}}}]")
    scheduling = settings(scheduler_config=path).scheduling
    assert scheduling is not None
    registry = in_tree_registry()
    registry.register("ByName", ByName)
    served = build_wanted(scheduling, registry).profiles
    orders = {name: profile.points.queue_sort.name for name, profile in served.items()}
    assert orders == dict.fromkeys(("mine", "default-scheduler", "shoal", "volcano"), "ByName")


def test_a_default_profile_that_the_file_has_is_the_files(tmp_path: Path) -> None:
    path = written(tmp_path, "profiles: [{plugins: {multiPoint: {disabled: [{name: NodeName}]}}}]")
    scheduling = settings(scheduler_config=path).scheduling
    assert scheduling is not None
    served = {each.scheduler_name: each for each in with_defaults(scheduling.profiles)}
    assert list(served) == ["default-scheduler", "shoal", "volcano"]
    own, default = served["default-scheduler"].plugins, DEFAULT_PROFILES[0].plugins
    assert [each for each in default if each.name != "NodeName"] == list(own)
