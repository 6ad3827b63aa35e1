"""examples/sync/ on `shoal up`: real databases, copied by workers, with something killed each time.

The example's own script runs; what is asserted is what it leaves behind, and the sums it prints.
"""

import asyncio
import json
import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.kubectl import OF_THE_WHEEL, Kubectl
from tests.plane import Plane, plane
from tests.tree import PROJECT
from tests.waiting import SLOW_PAUSE_S, eventually

pytestmark = [
    pytest.mark.kubectl,
    pytest.mark.slow,
    pytest.mark.xdist_group("sync-example"),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(os.geteuid() != 0, reason="pods with networks of their own need root"),
    pytest.mark.skipif(shutil.which("pgrep") is None, reason="the script needs pgrep, of procps"),
]

SCRIPT = PROJECT / "examples" / "sync" / "run.sh"
ROWS = 20_000
CHANGED_ROWS = 1000
"""So many more each time that the source is changed."""
PATIENCE_S = 240
SUM = re.compile(r"^(source|target): (\d+) orders, checksum (\w+)$", re.MULTILINE)


class Site:
    def __init__(self, up: Plane, kubectl: Kubectl, home: Path) -> None:
        self.up = up
        self.kubectl = kubectl
        self.home = home
        self.said = ""
        """By the script that was started last, so far."""
        self.rows = 0
        """What the source holds; none where there are no databases."""

    async def run(self, *steps: str) -> list[tuple[str, int, str]]:
        """What the script's last comparison said of source and target."""
        programs = f"{OF_THE_WHEEL.parent}:{os.environ['PATH']}"
        script = await asyncio.create_subprocess_exec(
            SCRIPT, *steps,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env={
                "PATH": programs,
                "HOME": str(self.home),
                "KUBECONFIG": str(self.up.kubeconfig),
                "ROWS": str(ROWS),
            },
        )  # fmt: skip
        self.said = ""
        assert script.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE_S):
                while line := await script.stdout.readline():
                    self.said += line.decode()
                assert await script.wait() == 0, self.said
        finally:
            if script.returncode is None:
                script.kill()
                await script.wait()
        self.rows = rows_after(self.rows, steps)
        sums = [(side, int(count), text) for side, count, text in SUM.findall(self.said)]
        return sums[-2:]

    async def worker(self, name: str) -> dict[str, Any]:
        return json.loads(await self.kubectl("get", "worker", name, "-o", "json"))["status"]


def rows_after(rows: int, steps: tuple[str, ...]) -> int:
    if "databases" in steps:
        rows = ROWS
    if "incremental" in steps:
        rows += CHANGED_ROWS
    return 0 if "remove" in steps else rows


def need_postgresql() -> None:
    """Skips where it is not installed, but not in CI."""
    if any(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        return
    assert not os.environ.get("SHOAL_TESTS_NEED_SERVERS"), "install Debian's postgresql"
    pytest.skip("PostgreSQL is not installed: apt-get install postgresql")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole_site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    need_postgresql()
    async with plane("--node-resources", "cpu=8,memory=8Gi") as up:
        home = tmp_path_factory.mktemp("home")
        yield Site(up, Kubectl(OF_THE_WHEEL, up.kubeconfig, home), home)


@pytest_asyncio.fixture(loop_scope="module")
async def site(whole_site: Site) -> Site:
    """With databases, which a test may have removed."""
    if not whole_site.rows:
        await whole_site.run("databases")
    return whole_site


def are_equal(sums: list[tuple[str, int, str]]) -> bool:
    source, target = sums
    return (source[0], target[0]) == ("source", "target") and source[1:] == target[1:]


async def test_a_full_copy_that_was_killed_stays_failed_until_it_is_asked_for_again(site: Site):
    source, target = await site.run("full")
    assert 0 < target[1] < source[1] == site.rows
    failed = await site.worker("full-sync")
    assert (failed["phase"], failed["run"], failed["lastError"]["exitCode"]) == ("Failed", 1, 137)
    assert are_equal(await site.run("rerun"))
    assert "the target is empty" in site.said


async def test_ranges_are_copied_over_the_death_of_a_pod_the_source_and_the_control_plane(
    site: Site,
):
    script = asyncio.create_task(site.run("chunked"))
    await eventually(
        lambda: script.done() or re.search(r"^Running, .* done", site.said, re.MULTILINE),
        "ranges are copied",
        pause_s=SLOW_PAUSE_S,
    )
    await site.up.kill()
    await site.up.start()
    assert are_equal(await script), site.said
    copied = await site.worker("chunked-sync")
    assert copied["phase"] == "Succeeded"
    assert copied["progress"]["done"] == copied["progress"]["total"] == site.rows // 500
    assert [each["exitCode"] for each in copied["attempts"] if each.get("exitCode")] == [137]


async def test_a_stream_goes_on_from_its_position_in_another_pod(site: Site):
    sums = await site.run("incremental")
    assert are_equal(sums)
    assert sums[0][1] == site.rows


async def test_the_nightly_copy_can_be_started_by_day_and_nothing_is_left_in_the_end(site: Site):
    assert are_equal(await site.run("nightly"))
    await site.run("remove")

    async def is_empty() -> bool:
        left = await site.kubectl("get", "all,workers,cronjobs,pvc,pv,secrets", "-o", "name")
        return left.split() == ["service/kubernetes"]

    # Volumes go after their claims.
    await eventually(is_empty, "nothing is left", pause_s=SLOW_PAUSE_S)
