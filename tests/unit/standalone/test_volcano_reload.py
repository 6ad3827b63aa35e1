"""A volcano-scheduler.conf in shoal.yaml: found, refused, served, read again when it changes."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shoal.api.core import CONFIG_MAPS, EVENTS, EventType
from shoal.base.clock import VirtualClock
from shoal.client.events import EventRecorder
from shoal.scheduler.fairness.rules import Action, Division, Rules
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.standalone.config import ConfigError, Settings, load, read_volcano_conf
from shoal.standalone.published_configuration import (
    NAME,
    NAMESPACE,
    PublishedFiles,
    publish,
    published,
)
from shoal.standalone.scheduler_profiles import build_wanted, with_defaults
from shoal.standalone.volcano_reload import PERIOD_S, VolcanoReload, reporter
from shoal.testing.cluster import memory_cluster
from shoal.testing.volcano import make_pod_group
from tests.waiting import eventually

ALLOCATE = 'actions: "allocate"\n'
RECLAIM = 'actions: "allocate, reclaim"\n'
PACKED = ALLOCATE + "tiers: [{plugins: [{name: binpack}]}]\n"
HEAD = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"


def settings(folder: Path, scheduler: str) -> Settings:
    config = folder / "shoal.yaml"
    config.write_text(f"scheduler: {{{scheduler}}}")
    return load(
        data_dir=Path("/data"),
        port=6443,
        runtime="auto",
        config_file=config,
        kubeconfig=None,
        nodes=1,
        node_resources="",
    )


def written(folder: Path, text: str) -> Path:
    path = folder / "volcano-scheduler.conf"
    path.write_text(text)
    return path


@dataclass
class Watched:
    """A reload and what it did."""

    path: Path
    rules: list[Rules] = field(default_factory=list[Rules])
    said: list[tuple[EventType, str, str]] = field(default_factory=list[tuple[EventType, str, str]])

    def __post_init__(self) -> None:
        file = read_volcano_conf(self.path)
        self.clock = VirtualClock()
        self.reload = VolcanoReload(file, self.rules.append, self.report, self.clock)

    def report(self, type: EventType, reason: str, text: str) -> None:
        self.said.append((type, reason, text))

    def after(self, text: str) -> None:
        self.path.write_text(text)
        self.reload.look()


def test_the_file_starts_at_the_folder_of_shoal_yaml(tmp_path: Path) -> None:
    written(tmp_path, PACKED)
    file = settings(tmp_path, "volcanoConf: volcano-scheduler.conf").volcano_conf
    assert file is not None
    assert (file.text, file.loaded.rules.division) == (PACKED, Division.NONE)
    assert settings(tmp_path, "").volcano_conf is None


def test_a_file_that_cannot_be_used_ends_the_start(tmp_path: Path) -> None:
    path = written(tmp_path, 'actions: "fly"')
    with pytest.raises(ConfigError) as refusal:
        settings(tmp_path, "volcanoConf: volcano-scheduler.conf")
    first, second = str(refusal.value).splitlines()
    assert first == f"{path} cannot be used:"
    assert second.startswith('  actions: "fly" is no action: take some of ')
    with pytest.raises(ConfigError, match=r"scheduler.volcanoConf .*gone.conf does not exist"):
        settings(tmp_path, "volcanoConf: gone.conf")


def test_the_file_makes_the_rules_and_the_profile_volcano(tmp_path: Path) -> None:
    loaded = read_volcano_conf(written(tmp_path, PACKED)).loaded
    scheduler = build_wanted(None, in_tree_registry(), loaded)
    assert list(scheduler.profiles) == ["default-scheduler", "shoal", "volcano"]
    scored = [slot.plugin.name for slot in scheduler.profiles["volcano"].points.score]
    assert scored == ["Binpack"]
    assert [each.plugins for each in with_defaults(())] == [d.plugins for d in DEFAULT_PROFILES]


def test_a_hard_topology_that_is_not_kept_is_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def told(text: str) -> int:
        caplog.clear()
        watched = Watched(written(tmp_path, text))
        for mode in ("soft", "hard", "hard"):
            group = make_pod_group("g").spec(networkTopology={"mode": mode}).obj()
            watched.reload.on_pod_group(None, group)
        return len([each for each in caplog.messages if "PodGroup default/g" in each])

    assert told(PACKED) == 1
    assert told(PACKED.replace("binpack", "network-topology-aware")) == 0


def test_one_profile_of_two_files_is_refused(tmp_path: Path) -> None:
    loaded = read_volcano_conf(written(tmp_path, PACKED)).loaded
    (tmp_path / "scheduler.yaml").write_text(HEAD + "profiles: [{schedulerName: volcano}]")
    wanted = settings(tmp_path, "config: scheduler.yaml").scheduling
    with pytest.raises(ConfigError, match=r"has a profile volcano, and scheduler.volcanoConf"):
        build_wanted(wanted, in_tree_registry(), loaded)
    (tmp_path / "scheduler.yaml").write_text(HEAD + "profiles: [{schedulerName: other}]")
    wanted = settings(tmp_path, "config: scheduler.yaml").scheduling
    served = build_wanted(wanted, in_tree_registry(), loaded).profiles
    assert list(served) == ["other", "default-scheduler", "shoal", "volcano"]


def test_changed_rules_hold_at_once(tmp_path: Path) -> None:
    watched = Watched(written(tmp_path, ALLOCATE))
    watched.reload.look()
    assert (watched.rules, watched.said) == ([], [])
    watched.after(RECLAIM)
    watched.reload.look()
    assert [each.actions for each in watched.rules] == [(Action.ALLOCATE, Action.RECLAIM)]
    assert watched.said == [
        (EventType.NORMAL, "Reloaded", f"{watched.path} is read again."),
    ]


def test_changed_filters_and_scores_wait_for_the_next_start(tmp_path: Path) -> None:
    watched = Watched(written(tmp_path, ALLOCATE))
    watched.after(PACKED)
    assert watched.rules == []
    text = f"{watched.path} is read again."
    more = f"{text} Its filters and scores hold when shoal up is started again."
    watched.after(ALLOCATE)
    assert watched.said == [
        (EventType.WARNING, "Reloaded", more),
        (EventType.NORMAL, "Reloaded", text),
    ]


def test_what_a_changed_file_leaves_undone_is_told(tmp_path: Path) -> None:
    watched = Watched(written(tmp_path, ALLOCATE))
    watched.after('actions: "allocate, shuffle"')
    assert watched.said[-1][2] == (
        f"{watched.path} is read again. Warning: no counterpart here, so left out: action shuffle."
    )


def test_a_bad_file_keeps_the_previous_one_and_is_told_of_once(tmp_path: Path) -> None:
    watched = Watched(written(tmp_path, ALLOCATE))
    watched.after('actions: "fly"')
    watched.reload.look()
    assert watched.rules == []
    [(kind, reason, text)] = watched.said
    assert (kind, reason) == (EventType.WARNING, "ReloadFailed")
    assert text.startswith(f"{watched.path} cannot be used:\n  actions:")
    assert text.endswith("\nThe previous one holds.")
    watched.path.unlink()
    watched.reload.look()
    assert "does not exist" in watched.said[-1][2]
    watched.path.write_bytes(b"\xff\xfe\xff")
    watched.reload.look()
    assert "is not UTF-8" in watched.said[-1][2]
    watched.after(RECLAIM)
    assert len(watched.rules) == 1


async def test_the_file_is_looked_at_every_few_seconds_and_told_of_in_events(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, ALLOCATE)
    rules: list[Rules] = []
    async with memory_cluster() as cluster:
        clock = VirtualClock()
        recorder = EventRecorder(cluster.client, "default-scheduler", clock)
        reload = VolcanoReload(read_volcano_conf(path), rules.append, reporter(recorder), clock)
        tasks = [asyncio.create_task(each()) for each in (reload.run, recorder.run)]
        await asyncio.sleep(0)
        written(tmp_path, RECLAIM)
        await clock.advance(PERIOD_S - 0.1)
        assert rules == []
        await clock.advance(0.2)

        async def is_told() -> bool:
            found = await cluster.client.list(EVENTS, NAMESPACE)
            return any(each.involved_object.name == NAME for each in found.items)

        await eventually(is_told)
        for task in tasks:
            task.cancel()
    assert len(rules) == 1


async def test_both_files_are_published(tmp_path: Path) -> None:
    async with memory_cluster() as cluster:
        client = cluster.client
        await publish(client, None, PACKED)
        assert await published(client) == PublishedFiles(None, PACKED)
        await publish(client, "a", PACKED)
        assert await published(client) == PublishedFiles("a", PACKED)
        await publish(client, None)
        assert await published(client) == PublishedFiles()
        assert (await client.list(CONFIG_MAPS, NAMESPACE)).items == []
