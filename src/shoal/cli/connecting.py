"""Which API server a command talks to."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from shoal.cli.output import CliError
from shoal.client.connection import KubeconfigError, load_connection
from shoal.client.http import HttpClient
from shoal.client.protocol import Client, ConnectionFailed
from shoal.standalone.config import KUBECONFIG_NAME, default_data_dir


@asynccontextmanager
async def connected(kubeconfig: Path | None) -> AsyncGenerator[tuple[Client, str]]:
    """A client, and the namespace that its kubeconfig names. The flag's kubeconfig is taken, else
    $KUBECONFIG, else that of `shoal up`, else the usual places. Raises CliError where there is
    none, or nothing answers."""
    own = default_data_dir() / KUBECONFIG_NAME
    if kubeconfig is None and not os.environ.get("KUBECONFIG") and own.exists():
        kubeconfig = own
    try:
        connection = await load_connection(kubeconfig)
    except KubeconfigError as error:
        raise CliError(str(error)) from error
    client = HttpClient(connection)
    try:
        yield client, connection.namespace or "default"
    except ConnectionFailed as error:
        raise CliError(f"{error}; is `shoal up` running?") from error
    finally:
        await client.close()
