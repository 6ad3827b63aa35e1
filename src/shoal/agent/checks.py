"""Ask a container how it is, or tell it something: the handlers of probes and hooks.

A check is a command inside the container, an HTTP request, or a connection. Texts are those of
the kubelet, as they stand in Unhealthy events.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from shoal.agent.runtime.protocol import ContainerKey, Runtime
from shoal.api.pod import (
    Container,
    ExecAction,
    HttpGetAction,
    IntOrString,
    LifecycleHandler,
    Probe,
    TcpSocketAction,
)
from shoal.base.clock import Clock
from shoal.base.guard import Failed, attempt_async
from shoal.client.http_session import HttpSession

_USER_AGENT = "shoal-probe/1"
_MAX_BODY = 10 * 1024
_LAST_PORT = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    is_success: bool
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The container a check is about."""

    key: ContainerKey
    container: Container
    pod_ip: str


class Checks:
    """Carries checks out. Hosts, headers and commands are the pod's: what cannot even be begun
    with them has failed."""

    def __init__(self, runtime: Runtime, session: HttpSession, clock: Clock) -> None:
        self._runtime = runtime
        self._session = session
        self._clock = clock

    async def probe(self, checked: Checked, probe: Probe) -> CheckResult:
        return await _result(self._probe(checked, probe))

    async def run_hook(
        self, checked: Checked, handler: LifecycleHandler, timeout_s: float
    ) -> CheckResult:
        return await _result(self._run_hook(checked, handler, timeout_s))

    async def _probe(self, checked: Checked, probe: Probe) -> CheckResult:
        timeout_s = float(probe.timeout_seconds)
        if probe.exec is not None:
            return await self._exec(checked, probe.exec, timeout_s)
        if probe.http_get is not None:
            return await self._http_get(checked, probe.http_get, timeout_s)
        if probe.tcp_socket is not None:
            return await self._tcp(checked, probe.tcp_socket, timeout_s)
        return CheckResult(is_success=False, message="missing probe handler")

    async def _run_hook(
        self, checked: Checked, handler: LifecycleHandler, timeout_s: float
    ) -> CheckResult:
        if handler.exec is not None:
            return await self._exec(checked, handler.exec, timeout_s)
        if handler.http_get is not None:
            return await self._http_get(checked, handler.http_get, timeout_s)
        if handler.sleep is not None:
            await self._clock.sleep(min(handler.sleep.seconds, timeout_s))
            return CheckResult(is_success=True)
        if handler.tcp_socket is not None:
            return await self._tcp(checked, handler.tcp_socket, timeout_s)
        return CheckResult(is_success=False, message="invalid handler: <nil>")

    async def _exec(self, checked: Checked, action: ExecAction, timeout_s: float) -> CheckResult:
        result = await self._runtime.exec(checked.key, action.command, timeout_s)
        if result.is_timed_out:
            message = f"command timed out: {_quote(action.command)} timed out after {timeout_s:g}s"
            return CheckResult(is_success=False, message=message)
        message = result.output or f"command exited with {result.exit_code}"
        return CheckResult(is_success=result.exit_code == 0, message=message)

    async def _http_get(
        self, checked: Checked, action: HttpGetAction, timeout_s: float
    ) -> CheckResult:
        import aiohttp

        port = port_number(checked.container, action.port)
        if port is None:
            return CheckResult(is_success=False, message=f"unknown port {action.port}")
        host = action.host or checked.pod_ip
        path = action.path if action.path.startswith("/") else f"/{action.path}"
        url = f"{action.scheme.lower()}://{host}:{port}{path}"
        headers = {"User-Agent": _USER_AGENT, "Accept": "*/*", "Connection": "close"}
        headers |= {header.name: header.value for header in action.http_headers}
        try:
            async with self._session.open().get(
                url,
                headers=headers,
                ssl=False,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
            ) as answer:
                await answer.content.read(_MAX_BODY)
                if 200 <= answer.status < 400:
                    return CheckResult(is_success=True)
                message = f"HTTP probe failed with statuscode: {answer.status}"
        except TimeoutError:
            message = (
                f'Get "{url}": context deadline exceeded '
                "(Client.Timeout exceeded while awaiting headers)"
            )
        except aiohttp.ClientConnectorError:
            message = f'Get "{url}": dial tcp {host}:{port}: connect: connection refused'
        except (aiohttp.ClientError, ValueError) as error:
            # ValueError: a host or a header that nobody can have.
            message = f'Get "{url}": {error}'
        return CheckResult(is_success=False, message=message)

    async def _tcp(
        self, checked: Checked, action: TcpSocketAction, timeout_s: float
    ) -> CheckResult:
        port = port_number(checked.container, action.port)
        if port is None:
            return CheckResult(is_success=False, message=f"unknown port {action.port}")
        host = action.host or checked.pod_ip
        try:
            async with asyncio.timeout(timeout_s):
                _, writer = await asyncio.open_connection(host, port)
        except TimeoutError:
            message = f"dial tcp {host}:{port}: i/o timeout"
            return CheckResult(is_success=False, message=message)
        except OSError:
            message = f"dial tcp {host}:{port}: connect: connection refused"
            return CheckResult(is_success=False, message=message)
        except ValueError as error:
            # A host that nobody can have.
            return CheckResult(is_success=False, message=f"dial tcp {host}:{port}: {error}")
        writer.close()
        return CheckResult(is_success=True)


def port_number(container: Container, port: IntOrString) -> int | None:
    """A number as it is, in text too; a name is one of the container's ports. None for what is
    neither."""
    if isinstance(port, int) or port.isdecimal():
        return int(port) if 0 < int(port) <= _LAST_PORT else None
    return next((p.container_port for p in container.ports if p.name == port), None)


async def _result(check: Awaitable[CheckResult]) -> CheckResult:
    outcome = await attempt_async(check)
    if isinstance(outcome, Failed):
        return CheckResult(is_success=False, message=outcome.text)
    return outcome


def _quote(argv: Sequence[str]) -> str:
    return '"' + " ".join(argv) + '"'
