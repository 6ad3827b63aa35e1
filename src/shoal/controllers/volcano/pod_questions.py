"""Ask pods what the probes of a flow want to know: one HTTP request, or one connection.

The rules are those of the kubelet's probes: any status from 200 to 399 is a good answer, and one
that takes longer than a second is none.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from shoal.controllers.volcano.flow_probes import ProbeQuestion

TIMEOUT_S = 1.0

Ask: TypeAlias = Callable[[ProbeQuestion], Awaitable[bool]]
"""Whether the pod answers well."""


async def ask_pod(question: ProbeQuestion) -> bool:
    """See `Ask`."""
    if question.path is not None:
        return await _request(question, question.path)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await _connect(question.host, question.port)
    except (OSError, TimeoutError):
        return False


async def _connect(host: str, port: int) -> bool:
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    await writer.wait_closed()
    return True


async def _request(question: ProbeQuestion, path: str) -> bool:
    # Few flows have probes, and importing it takes as long as an answer may.
    import aiohttp

    headers = dict([question.header]) if question.header else {}
    host = f"[{question.host}]" if ":" in question.host else question.host
    url = f"http://{host}:{question.port}/{path.removeprefix('/')}"
    try:
        # Not the session of others: a pod is asked once, and its cookies are nobody's business.
        async with (
            asyncio.timeout(TIMEOUT_S),
            aiohttp.ClientSession() as session,
            session.get(url, headers=headers, allow_redirects=False) as response,
        ):
            return 200 <= response.status < 400
    except (aiohttp.ClientError, ValueError, OSError, TimeoutError):
        return False
