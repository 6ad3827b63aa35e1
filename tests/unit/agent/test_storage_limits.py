"""When a pod is evicted for what it has on disk, and what counts as that."""

import os
from pathlib import Path

import msgspec

from shoal.agent.runtime.paths import PodPaths
from shoal.agent.storage_limits import StorageUse, excess, has_storage_limits, measure
from shoal.api.pod import Pod

MIB = 1 << 20


def make_pod(limit: str = "", **empty_dir: str) -> Pod:
    resources = {"limits": {"ephemeral-storage": limit}} if limit else {}
    body = {
        "metadata": {"uid": "u"},
        "spec": {
            "containers": [{"name": "c", "resources": resources}, {"name": "d"}],
            "volumes": [{"name": "v", "emptyDir": empty_dir}],
        },
    }
    return msgspec.convert(body, Pod)


def use(volume: int = 0, c: int = 0, d: int = 0) -> StorageUse:
    return StorageUse(volumes={"v": volume}, logs={"c": c, "d": d})


def test_a_volume_over_its_size_limit_is_told_in_the_kubelets_words() -> None:
    pod = make_pod(sizeLimit="1Mi")
    assert excess(pod, use(volume=MIB)) == ""
    assert excess(pod, use(volume=MIB + 1)) == (
        'Usage of EmptyDir volume "v" exceeds the limit "1Mi". '
    )


def test_a_size_limit_of_zero_is_none() -> None:
    assert excess(make_pod(sizeLimit="0"), use(volume=MIB)) == ""


def test_volumes_and_logs_together_are_held_to_the_limits_of_the_containers() -> None:
    pod = make_pod(limit="2Mi")
    assert excess(pod, use(volume=MIB, d=MIB)) == ""
    assert excess(pod, use(volume=MIB, d=MIB + 1)) == (
        "Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. "
    )


def test_a_volume_in_memory_is_no_storage() -> None:
    assert excess(make_pod(limit="2Mi", medium="Memory"), use(volume=5 * MIB)) == ""


def test_a_container_is_held_to_its_own_limit() -> None:
    body = {
        "spec": {
            "containers": [
                {"name": "c", "resources": {"limits": {"ephemeral-storage": "1Mi"}}},
                {"name": "d", "resources": {"limits": {"ephemeral-storage": "9Mi"}}},
            ]
        }
    }
    pod = msgspec.convert(body, Pod)
    assert excess(pod, use(d=5 * MIB)) == ""
    assert excess(pod, use(c=2 * MIB)) == (
        'Container c exceeded its local ephemeral storage limit "1Mi". '
    )


def test_only_pods_with_a_limit_are_looked_at() -> None:
    assert not has_storage_limits(make_pod())
    assert has_storage_limits(make_pod(limit="1Gi"))
    assert has_storage_limits(make_pod(sizeLimit="1Gi"))


def test_files_are_counted_once_and_by_the_blocks_they_take(tmp_path: Path) -> None:
    paths = PodPaths(tmp_path, "u")
    below = paths.volume("v") / "sub"
    below.mkdir(parents=True)
    (below / "file").write_bytes(os.urandom(MIB))
    os.link(below / "file", below / "again")
    with (below / "sparse").open("wb") as file:
        file.truncate(100 * MIB)
    paths.logs("c").mkdir(parents=True)
    (paths.logs("c") / "0.log").write_bytes(os.urandom(MIB // 2))
    (paths.logs("c") / "0.log.1").write_bytes(os.urandom(MIB // 2))
    found = measure(make_pod(), paths)
    assert MIB <= found.volumes["v"] < 2 * MIB
    assert MIB <= found.logs["c"] < 2 * MIB
    assert found.logs["d"] == 0
