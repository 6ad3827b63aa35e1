"""Looks at the GPUs of this machine and writes what it finds to the node's `Scv`.

The program `nvidia-smi`, which comes with the driver, is asked again and again; the object is
written when something changed. It is made where it is missing.
"""

import asyncio

import msgspec

from shoal.agent.gpu_cards import (
    FIELDS,
    MIG_FIELD,
    NvidiaSmiError,
    is_field_unknown,
    read_cards,
    scv_body,
    status_of,
)
from shoal.api.scv import SCVS, Card, ScvStatus
from shoal.api.status import ApiError
from shoal.base.clock import Clock
from shoal.client.protocol import Client

_PATIENCE_S = 60.0


class GpuSniffer:
    def __init__(self, client: Client, clock: Clock, node_name: str, interval_s: float) -> None:
        self._client = client
        self._clock = clock
        self._node_name = node_name
        self._interval_s = interval_s

    async def look(self) -> ScvStatus:
        """Once, and write it if it is news. Raises NvidiaSmiError and what the client raises."""
        status = status_of(await find_cards())
        body = scv_body(self._node_name, status, self._interval_s, self._clock.now())
        try:
            written = await self._client.get(SCVS, self._node_name)
        except ApiError as error:
            if not error.is_not_found:
                raise
            await self._client.create(SCVS, body)
            return status
        if msgspec.structs.replace(written.status, update_time=None) != status:
            await self._client.patch(SCVS, self._node_name, body)
        return status


async def find_cards() -> list[Card]:
    """The GPUs of this machine. Raises NvidiaSmiError where there are none to be seen."""
    printed = await _nvidia_smi(*FIELDS, MIG_FIELD)
    if is_field_unknown(printed):
        printed = await _nvidia_smi(*FIELDS)
    return read_cards(printed)


async def _nvidia_smi(*fields: str) -> str:
    """What it prints; a failure is told there, too."""
    query = f"--query-gpu={','.join(fields)}"
    try:
        process = await asyncio.create_subprocess_exec(
            "nvidia-smi", query, "--format=csv,noheader,nounits",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise NvidiaSmiError(
            "there is no nvidia-smi on this machine: install NVIDIA's driver, or run this on nodes"
            " with GPUs only"
        ) from error
    except OSError as error:
        raise NvidiaSmiError(f"nvidia-smi cannot be run: {error.strerror}") from error
    try:
        printed, _ = await asyncio.wait_for(process.communicate(), _PATIENCE_S)
    except TimeoutError as error:
        process.kill()
        await process.wait()
        raise NvidiaSmiError(
            f"nvidia-smi has said nothing for {_PATIENCE_S:.0f} s: a GPU may hang; look at dmesg"
        ) from error
    return printed.decode(errors="replace")
