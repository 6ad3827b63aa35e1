"""Ending what a control plane left."""

import subprocess

from shoal.agent.runtime.paths import PodPaths
from shoal.agent.runtime.pod_records import write_pod
from shoal.agent.runtime.protocol import PodSandbox
from shoal.base.clock import SystemClock
from shoal.standalone.leftovers import end_pods
from tests.runtimes import make_immutable


def prepared(root, uid):
    paths = PodPaths(root, uid)
    write_pod(
        paths,
        PodSandbox(
            uid=uid, namespace="ns", name=uid, hostname=uid, pod_ip="127.1.2.3", hosts_text=""
        ),
    )
    return paths


async def test_a_pod_with_a_file_that_cannot_be_deleted_keeps_no_other_alive(tmp_path, caplog):
    stuck, other = (prepared(tmp_path / "pods", uid) for uid in ("a-stuck", "b-other"))
    stuck.volumes.mkdir()
    file = stuck.volumes / "file"
    file.touch()
    make_immutable(file)
    try:
        assert await end_pods(tmp_path, SystemClock()) == 2
    finally:
        subprocess.run(["chattr", "-i", file], check=True)
    assert file.exists()
    assert not other.directory.exists()
    assert "files of pod ns/a-stuck stay" in caplog.text
