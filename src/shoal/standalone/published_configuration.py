"""The scheduler's configuration, told to those who explain what it does.

`shoal up` writes the text of its file to a ConfigMap, so that `shoal explain` judges with the
profiles that are in use, wherever it runs and whoever started the scheduler.
"""

from shoal.api.core import CONFIG_MAPS
from shoal.api.status import ApiError
from shoal.client.protocol import Client

NAMESPACE = "kube-system"
NAME = "shoal-scheduler"
_KEY = "config.yaml"


async def publish(client: Client, text: str | None) -> None:
    """None where the scheduler runs without a file."""
    try:
        await client.delete(CONFIG_MAPS, NAME, NAMESPACE)
    except ApiError as error:
        if not error.is_not_found:
            raise
    if text is not None:
        await client.create(
            CONFIG_MAPS, {"metadata": {"name": NAME}, "data": {_KEY: text}}, NAMESPACE
        )


async def published(client: Client) -> str | None:
    """The text; None where there is none, or where the client may not read it."""
    try:
        found = await client.get(CONFIG_MAPS, NAME, NAMESPACE)
    except ApiError as error:
        if error.is_not_found or error.is_forbidden:
            return None
        raise
    return found.data.get(_KEY)
