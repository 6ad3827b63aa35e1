"""`shoal top queues` on the screen: a table that is drawn again and again, or plain rows.

On a terminal each resource of a queue has a bar: what it holds of what it deserves. Elsewhere the
same is printed once, in columns for scripts.
"""

from collections.abc import Sequence
from datetime import timedelta

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from shoal.api.volcano.pod_group import PodGroupPhase
from shoal.api.volcano.queue import QueueState
from shoal.apiserver.tables.age import human_duration
from shoal.base.clock import Clock
from shoal.cli.output import print_rows
from shoal.cli.volcano.amounts import amount_text, amounts_text
from shoal.cli.volcano.queue_table import Holding, QueueRow, queue_rows
from shoal.cli.volcano.queues import read_queues
from shoal.client.protocol import Client

_BAR_WIDTH = 10
_FULL, _EMPTY = "█", "░"
_PHASES = (PodGroupPhase.PENDING, PodGroupPhase.INQUEUE, PodGroupPhase.RUNNING)
_HEADS = (
    "queue",
    "state",
    "weight",
    "priority",
    "held of deserved",
    "at most",
    *(phase.value.lower() for phase in _PHASES),
    "waits",
)
_NUMBERS = {"weight", "priority", "waits", *(phase.value.lower() for phase in _PHASES)}
_PLAIN_HEADS = (
    "QUEUE",
    "STATE",
    "WEIGHT",
    "PRIORITY",
    "SHARE",
    "ALLOCATED",
    "DESERVED",
    "CAPABILITY",
    "PENDING",
    "INQUEUE",
    "RUNNING",
    "LONGEST-WAIT",
)


async def top_queues(
    client: Client, console: Console, clock: Clock, *, period_s: float, is_once: bool
) -> None:
    """Until interrupted; once where that is wanted, or the console is no terminal."""
    rows = await _read(client, clock)
    if not console.is_terminal:
        print_rows(_PLAIN_HEADS, [plain_row(row) for row in rows])
        return
    if is_once:
        console.print(picture(rows))
        return
    with Live(picture(rows), console=console, auto_refresh=False, screen=True) as live:
        while True:
            await clock.sleep(period_s)
            live.update(picture(await _read(client, clock)), refresh=True)


async def _read(client: Client, clock: Clock) -> list[QueueRow]:
    queues, groups = await read_queues(client)
    return queue_rows(queues, groups, clock.now())


def plain_row(row: QueueRow) -> tuple[object, ...]:
    """For scripts: one line a queue, no spaces inside a cell but for the branches of the tree."""
    deserved = {each.resource: each.deserved for each in row.holdings if each.deserved is not None}
    return (
        row.branch + row.name,
        row.state,
        row.weight,
        row.priority,
        _percent(row.share),
        amounts_text({each.resource: each.allocated for each in row.holdings}),
        amounts_text(deserved),
        amounts_text(row.capability),
        *(row.phases.get(phase, 0) for phase in _PHASES),
        _duration(row.longest_wait),
    )


def picture(rows: Sequence[QueueRow]) -> Table:
    """The table on a terminal."""
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for head in _HEADS:
        table.add_column(head, justify="right" if head in _NUMBERS else "left", min_width=len(head))
    for row in rows:
        table.add_row(
            Text(row.branch, "dim") + Text(row.name),
            Text(row.state, "green" if row.state == QueueState.OPEN else "yellow"),
            str(row.weight),
            str(row.priority),
            Text("\n").join(_bars(row.holdings)) if row.holdings else Text("-", "dim"),
            Text(amounts_text(row.capability)),
            *(_count(row.phases.get(phase, 0)) for phase in _PHASES),
            _duration(row.longest_wait),
        )
    return table


def _bars(holdings: Sequence[Holding]) -> list[Text]:
    name_width = max(len(each.resource) for each in holdings)
    return [_bar(each, name_width) for each in holdings]


def _bar(holding: Holding, name_width: int) -> Text:
    """More than is deserved is borrowed: the bar is full then, and red."""
    share = holding.share
    held = amount_text(holding.resource, holding.allocated)
    line = Text(holding.resource.ljust(name_width) + " ")
    if share is None:
        return line + Text(f"{held}, borrowed" if holding.is_over else held)
    full = min(_BAR_WIDTH, round(share * _BAR_WIDTH))
    style = "red" if holding.is_over else "green"
    line += Text(_FULL * full, style) + Text(_EMPTY * (_BAR_WIDTH - full), "dim")
    deserved = amount_text(holding.resource, holding.deserved or 0)
    return line + Text(f" {held}/{deserved} ") + Text(_percent(share), style)


def _count(number: int) -> Text:
    return Text(str(number), "" if number else "dim")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _duration(wait: timedelta | None) -> str:
    return "-" if wait is None else human_duration(wait)
