"""Keeps listening where it is told to: one listener for each forward that has targets.

What the machine refuses is tried again, at once when a listener has gone and now and then: the
address may have been another object's, or another program's, until then.
"""

import asyncio
from dataclasses import dataclass

from shoal.agent.network.proxy.balancing import Balancer
from shoal.agent.network.proxy.tcp import listen_tcp
from shoal.agent.network.proxy.udp import UdpListener, listen_udp
from shoal.agent.network.proxy.wire import Forward, ForwardTable, Instruction, ProxyRefusal

RETRY_S = 5.0
_Place = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class _Listening:
    listener: asyncio.Server | UdpListener
    balancer: Balancer


class Listeners:
    def __init__(self) -> None:
        self._by_name: dict[str, dict[_Place, _Listening]] = {}
        self._refused: dict[str, Instruction] = {}
        self._turn = asyncio.Lock()

    async def follow(self, instruction: Instruction) -> ProxyRefusal | None:
        """Do for one object what is asked, and nothing else any more."""
        async with self._turn:
            has_closed = self._close_unwanted(instruction)
            refusal = await self._listen(instruction)
            if has_closed:
                await self._retry()
        return refusal

    async def follow_table(self, table: ForwardTable) -> list[ProxyRefusal]:
        """Do what is asked, and nothing else any more; what is done already goes on."""
        async with self._turn:
            named = {each.name for each in table.instructions}
            gone = (self._by_name.keys() | self._refused.keys()) - named
            instructions = [*(Instruction(name, ()) for name in gone), *table.instructions]
            # First of all: others may be there to take the addresses.
            for each in instructions:
                self._close_unwanted(each)
            found = [await self._listen(each) for each in instructions]
        return [refusal for refusal in found if refusal is not None]

    async def retry(self) -> None:
        """To be called every RETRY_S."""
        async with self._turn:
            await self._retry()

    async def _retry(self) -> None:
        for instruction in [*self._refused.values()]:
            await self._listen(instruction)

    def _close_unwanted(self, instruction: Instruction) -> bool:
        """Whether there was any."""
        current = self._by_name.get(instruction.name, {})
        gone = current.keys() - {each.place for each in instruction.forwards if each.targets}
        for place in gone:
            current.pop(place).listener.close()
        return bool(gone)

    async def _listen(self, instruction: Instruction) -> ProxyRefusal | None:
        current = self._by_name.setdefault(instruction.name, {})
        wanted = {each.place: each for each in instruction.forwards if each.targets}
        refused: list[str] = []
        for place, forward in wanted.items():
            if (known := current.get(place)) is not None:
                known.balancer.update(forward)
                continue
            try:
                current[place] = await _listen(forward)
            except OSError as error:
                refused.append(
                    f"{forward.address}:{forward.port} cannot be listened on: "
                    f"{error.strerror or error}"
                )
        if not current:
            del self._by_name[instruction.name]
        self._refused.pop(instruction.name, None)
        if not refused:
            return None
        self._refused[instruction.name] = instruction
        return ProxyRefusal(instruction.name, "; ".join(refused))


async def _listen(forward: Forward) -> _Listening:
    balancer = Balancer(forward)
    if forward.protocol == "UDP":
        return _Listening(await listen_udp(forward.address, forward.port, balancer), balancer)
    return _Listening(await listen_tcp(forward.address, forward.port, balancer), balancer)
