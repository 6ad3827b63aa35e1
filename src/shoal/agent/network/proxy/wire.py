"""What the control plane tells the proxy, and hears from it: lines of JSON over a socket.

    proxy: ProxyHello    plane: ForwardTable, Instruction, Instruction...    proxy: ProxyRefusal...

A proxy outlives the programs that talk to it: whoever changes what is said here, or how it is
understood, counts PROTOCOL up, and proxies from before are replaced.
"""

import msgspec

PROTOCOL = 1
MAX_LINE_BYTES = 64 * 1024 * 1024
Target = tuple[str, int]
"""Address and port."""


class Forward(msgspec.Struct, frozen=True):
    """Somewhere to listen, and where what comes in goes to."""

    address: str
    port: int
    protocol: str
    """`TCP` or `UDP`."""
    targets: tuple[Target, ...]
    """In turn. Where there are none nobody listens, and connections are refused."""
    affinity_s: int = 0
    """How long a client that comes again gets the target it had; 0 for no such promise."""

    @property
    def place(self) -> tuple[str, str, int]:
        return self.protocol, self.address, self.port


class Instruction(msgspec.Struct, frozen=True):
    """All that the proxy does for one object from now on."""

    name: str
    forwards: tuple[Forward, ...]


class ForwardTable(msgspec.Struct, frozen=True):
    """All that the proxy does for anybody: the first thing a control plane says."""

    instructions: tuple[Instruction, ...]


class ProxyHello(msgspec.Struct, frozen=True):
    """The first thing a proxy says."""

    protocol: int


class ProxyRefusal(msgspec.Struct, frozen=True):
    """What of an instruction the machine does not allow."""

    name: str
    message: str
