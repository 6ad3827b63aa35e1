"""`shoal gpu-sniffer`: keeps the `Scv` of a node true to its GPUs."""

import socket
import sys

from shoal.agent.gpu_cards import NvidiaSmiError
from shoal.agent.gpu_sniffer import GpuSniffer
from shoal.api.duration import duration
from shoal.api.node import NODES
from shoal.api.scv import HEALTHY, ScvStatus
from shoal.api.status import ApiError
from shoal.base.clock import SystemClock
from shoal.cli.output import CliError
from shoal.client.protocol import Client, ConnectionFailed


def seconds(text: str) -> float:
    """Of an interval such as `10s`. Raises CliError."""
    try:
        length_s = duration(text).seconds
    except ValueError:
        length_s = 0.0
    if length_s <= 0:
        raise CliError(f'--interval is "{text}", but must be a length of time such as 10s or 1m')
    return length_s


def this_machine() -> str:
    """As `shoal up` calls its node."""
    return socket.gethostname().partition(".")[0].lower()


async def sniff(client: Client, node_name: str, interval_s: float, *, is_once: bool) -> None:
    """Look until interrupted. Raises CliError where there is no such node or no GPU."""
    await _check_node(client, node_name)
    clock = SystemClock()
    sniffer = GpuSniffer(client, clock, node_name, interval_s)
    told = ""
    while True:
        try:
            news = _sentence(node_name, await sniffer.look())
        except NvidiaSmiError as error:
            raise CliError(str(error)) from error
        except ApiError as error:
            if not error.is_not_found:
                raise
            raise CliError(
                "the API server knows no Scv: run `shoal crds | kubectl apply -f -`"
            ) from error
        except ConnectionFailed as error:
            if is_once:
                raise
            # The API server may be on its way back; what it missed is written then.
            news = f"{error}; trying again"
        if news != told:
            sys.stdout.write(f"{news}\n")
            sys.stdout.flush()
            told = news
        if is_once:
            return
        await clock.sleep(interval_s)


async def _check_node(client: Client, node_name: str) -> None:
    try:
        await client.get(NODES, node_name)
    except ApiError as error:
        if error.is_not_found:
            raise CliError(f'there is no node "{node_name}"; name one with --node') from error
        raise


def _sentence(node_name: str, status: ScvStatus) -> str:
    healthy = sum(card.health == HEALTHY for card in status.card_list)
    return f"scv/{node_name}: {status.card_number} GPUs, {healthy} healthy"
