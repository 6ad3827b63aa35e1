"""`python -m shoal.agent.network.proxy`: instructions on standard input, refusals on standard
output, until the former is closed."""

import asyncio
import resource
import signal
import sys

import msgspec
import uvloop

from shoal.agent.network.proxy.listeners import RETRY_S, Listeners
from shoal.agent.network.proxy.wire import Instruction
from shoal.agent.runtime.shim.syscalls import name_process

_MAX_LINE_BYTES = 16 * 1024 * 1024


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_MAX_LINE_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    listeners = Listeners()
    retrying = asyncio.create_task(_retry(listeners))
    while line := await reader.readline():
        refusal = await listeners.follow(msgspec.json.decode(line, type=Instruction))
        if refusal is not None:
            sys.stdout.buffer.write(msgspec.json.encode(refusal) + b"\n")
            sys.stdout.buffer.flush()
    retrying.cancel()


async def _retry(listeners: Listeners) -> None:
    while True:
        await asyncio.sleep(RETRY_S)
        await listeners.retry()


def main() -> None:
    # Ctrl-C in a terminal reaches all; this ends when the control plane has.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    name_process("shoal-proxy")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvloop.run(_serve())


main()
