"""Keeps listening where it is told to: one listener for each forward that has targets."""

import asyncio
from dataclasses import dataclass

from shoal.agent.network.proxy.balancing import Balancer
from shoal.agent.network.proxy.tcp import listen_tcp
from shoal.agent.network.proxy.udp import UdpListener, listen_udp
from shoal.agent.network.proxy.wire import Forward, Instruction, ProxyRefusal

_Place = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class _Listening:
    listener: asyncio.Server | UdpListener
    balancer: Balancer


class Listeners:
    def __init__(self) -> None:
        self._by_name: dict[str, dict[_Place, _Listening]] = {}

    async def follow(self, instruction: Instruction) -> ProxyRefusal | None:
        """Do for one object what is asked, and nothing else any more."""
        current = self._by_name.setdefault(instruction.name, {})
        wanted = {each.place: each for each in instruction.forwards if each.targets}
        for place in current.keys() - wanted.keys():
            current.pop(place).listener.close()
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
        return ProxyRefusal(instruction.name, "; ".join(refused)) if refused else None


async def _listen(forward: Forward) -> _Listening:
    balancer = Balancer(forward)
    if forward.protocol == "UDP":
        return _Listening(await listen_udp(forward.address, forward.port, balancer), balancer)
    return _Listening(await listen_tcp(forward.address, forward.port, balancer), balancer)
