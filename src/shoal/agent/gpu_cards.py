"""What `nvidia-smi` prints about GPUs, read as the cards of an `Scv`.

Pure: `gpu_sniffer` runs the program. Each field is read for itself, because drivers leave out what
a card does not have: `[N/A]`, `[Not Supported]`. A card of which not even the memory can be read is
not healthy, and neither is one in MIG mode, whose memory no pod can have as a whole.

Source of the fields: nvidia-smi --help-query-gpu. What goes where in an `Scv`: SCV
(github.com/NJUPT-ISL/SCV), pkg/collector/collector.go; of the bus, NVML's binding that it uses.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from shoal.api.meta import timestamp
from shoal.api.resource import JsonObject
from shoal.api.scv import GROUP, HEALTHY, VERSION, Card, ScvStatus

UNHEALTHY = "Unhealthy"
MIG = "MIG"

FIELDS = (
    "index",
    "name",
    "memory.total",
    "memory.free",
    "clocks.max.memory",
    "clocks.max.sm",
    "power.limit",
    "pcie.link.gen.max",
    "pcie.link.width.max",
)
MIG_FIELD = "mig.mode.current"
"""Unknown to drivers before 450."""

_LANE_MB_PER_S = {1: 250, 2: 500, 3: 985, 4: 1969, 5: 3938, 6: 7563}
"""Of one lane in one direction, by generation of PCIe."""


class NvidiaSmiError(Exception):
    """There is nothing to be read; the text is one sentence."""


def read_cards(printed: str) -> list[Card]:
    """From the answer to a query of `FIELDS`, perhaps with `MIG_FIELD` at the end, in `csv`
    without heads and units. Lines that are no rows, such as that of a card that was lost, are left
    out. Raises NvidiaSmiError where nothing is left."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    cards = [card for line in lines if (card := _card(line.split(", "))) is not None]
    if not cards:
        said = lines[0].rstrip(".") if lines else "nothing"
        raise NvidiaSmiError(f"nvidia-smi tells of no GPU on this machine; it says: {said}")
    return sorted(cards, key=lambda card: card.id)


def is_field_unknown(printed: str) -> bool:
    """Whether the driver is too old for `MIG_FIELD`."""
    return f'"{MIG_FIELD}" is not a valid field' in printed


def status_of(cards: Sequence[Card]) -> ScvStatus:
    """Without its time."""
    return ScvStatus(
        card_list=list(cards),
        card_number=len(cards),
        total_memory_sum=sum(card.total_memory for card in cards),
        free_memory_sum=sum(card.free_memory for card in cards),
    )


def scv_body(node_name: str, status: ScvStatus, interval_s: float, now: datetime) -> JsonObject:
    """The object to create, or to merge into what is there: every field of a card is written, so
    that none stays from a card that was there before."""
    written: JsonObject = {
        "cardList": [_card_body(card) for card in status.card_list],
        "cardNumber": status.card_number,
        "totalMemorySum": status.total_memory_sum,
        "freeMemorySum": status.free_memory_sum,
        "updateTime": timestamp(now),
    }
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "Scv",
        "metadata": {"name": node_name},
        "spec": {"updateInterval": round(interval_s * 1000)},
        "status": written,
    }


def _card_body(card: Card) -> JsonObject:
    return {field.encode_name: getattr(card, field.name) for field in msgspec.structs.fields(Card)}


def _card(cells: list[str]) -> Card | None:
    if len(cells) not in (len(FIELDS), len(FIELDS) + 1) or not cells[0].isdecimal():
        return None
    number, name, *rest = cells
    total, free, clock, core, power, generation, lanes = map(_whole, rest[:7])
    mode = rest[7] if len(rest) > 7 else ""
    has_memory = rest[0].isdecimal() and rest[1].isdecimal()
    return Card(
        id=int(number),
        health=(MIG if mode == "Enabled" else HEALTHY) if has_memory else UNHEALTHY,
        model=name,
        power=power,
        total_memory=total,
        free_memory=free,
        clock=clock,
        core=core,
        bandwidth=_LANE_MB_PER_S.get(generation, 0) * lanes,
    )


def _whole(cell: str) -> int:
    """0 for what is not there: power has decimals, which are cut."""
    whole = cell.partition(".")[0]
    return int(whole) if whole.isdecimal() else 0
