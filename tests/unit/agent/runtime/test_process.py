"""What plain processes cannot honour is pointed elsewhere, warned about or refused."""

from pathlib import Path

import pytest

from shoal.agent.runtime.paths import PodPaths
from shoal.agent.runtime.process import ProcessConfinement
from shoal.agent.runtime.protocol import ContainerKey, ContainerSpec, Mount, PodSandbox

POD = PodSandbox(
    uid="uid-1", namespace="default", name="web", hostname="web", pod_ip="", hosts_text=""
)


def spec(**fields: object) -> ContainerSpec:
    values: dict[str, object] = {"argv": ["run"], "env": {}} | fields
    return ContainerSpec(key=ContainerKey("uid-1", "main", 0), pod=POD, **values)  # type: ignore[arg-type]


def test_a_mount_path_that_nobody_mentions_is_refused() -> None:
    mount = Mount(source=Path("/pods/uid-1/volumes/data"), target="/data", volume="data")
    verdict = ProcessConfinement().honours(spec(mounts=[mount]))
    assert verdict.reason == "MountPathUnavailable"
    [refusal] = verdict.refusals
    assert "/data" in refusal
    assert "SHOAL_VOLUME_DATA" in refusal


@pytest.mark.parametrize(
    "fields",
    [
        {"env": {"DATA_DIR": "/data"}},
        {"env": {"FILE": "/data/file"}},
        {"argv": ["run", "/data"]},
        {"working_dir": "/data"},
        {"argv": ["sh", "-c", "ls $SHOAL_VOLUME_MY_DATA"]},
    ],
)
def test_a_mount_path_that_the_container_names_is_a_warning(fields: dict[str, object]) -> None:
    mount = Mount(source=Path("/pods/uid-1/volumes/x"), target="/data", volume="my-data")
    verdict = ProcessConfinement().honours(spec(mounts=[mount], **fields))
    assert not verdict.refusals
    [warning] = verdict.warnings
    assert "/pods/uid-1/volumes/x" in warning


def test_a_host_path_at_its_own_place_needs_nothing(tmp_path: Path) -> None:
    mount = Mount(source=tmp_path, target=str(tmp_path), volume="host")
    verdict = ProcessConfinement().honours(spec(mounts=[mount]))
    assert not verdict.refusals
    assert not verdict.warnings


def test_variables_and_arguments_are_pointed_to_where_the_volume_is() -> None:
    outer = Mount(source=Path("/real/outer"), target="/data", volume="outer")
    inner = Mount(source=Path("/real/inner"), target="/data/inner", volume="inner")
    container = spec(
        argv=["run", "/data/inner/x", "--flag", "/database"],
        env={"DIR": "/data", "DEEP": "/data/inner", "TEXT": "see /data"},
        working_dir="/data/y",
        mounts=[outer, inner],
    )
    confined = ProcessConfinement().confine(container, PodPaths(Path("/pods"), "uid-1"))
    assert confined.argv == ["run", "/real/inner/x", "--flag", "/database"]
    assert confined.working_dir == "/real/outer/y"
    assert confined.env["DIR"] == "/real/outer"
    assert confined.env["DEEP"] == "/real/inner"
    assert confined.env["TEXT"] == "see /data"
    assert confined.env["SHOAL_VOLUME_OUTER"] == "/real/outer"


def test_the_service_account_of_every_pod_is_no_reason_to_refuse() -> None:
    mount = Mount(
        source=Path("/pods/uid-1/volumes/token"),
        target="/var/run/secrets/kubernetes.io/serviceaccount",
        read_only=True,
    )
    assert not ProcessConfinement().honours(spec(mounts=[mount])).refusals


def test_what_cannot_be_honoured_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1234)
    warnings = ProcessConfinement().honours(
        spec(read_only_root=True, user_id=0, termination_message_path="/tmp/words")
    )
    texts = " ".join(warnings.warnings)
    assert "readOnlyRootFilesystem" in texts
    assert "runAsUser 0 is not available: the agent is user 1234" in texts
    assert "SHOAL_TERMINATION_LOG" in texts
