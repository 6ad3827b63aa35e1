"""The scheduler's configuration, told to those who explain what it does.

`shoal up` writes the texts of its files to a ConfigMap, so that `shoal explain` judges with the
profiles that are in use, wherever it runs and whoever started the scheduler.
"""

from typing import NamedTuple

from shoal.api.core import CONFIG_MAPS
from shoal.api.status import ApiError
from shoal.client.protocol import Client

NAMESPACE = "kube-system"
NAME = "shoal-scheduler"
_KEY = "config.yaml"
_VOLCANO_KEY = "volcano-scheduler.conf"


class PublishedFiles(NamedTuple):
    """Texts of files; None for one that there is not, or that the client may not read."""

    configuration: str | None = None
    volcano_conf: str | None = None


async def publish(client: Client, text: str | None, volcano_conf: str | None = None) -> None:
    """None where the scheduler runs without the file."""
    try:
        await client.delete(CONFIG_MAPS, NAME, NAMESPACE)
    except ApiError as error:
        if not error.is_not_found:
            raise
    texts = {_KEY: text, _VOLCANO_KEY: volcano_conf}
    data = {key: each for key, each in texts.items() if each is not None}
    if data:
        await client.create(CONFIG_MAPS, {"metadata": {"name": NAME}, "data": data}, NAMESPACE)


async def published(client: Client) -> PublishedFiles:
    try:
        found = await client.get(CONFIG_MAPS, NAME, NAMESPACE)
    except ApiError as error:
        if error.is_not_found or error.is_forbidden:
            return PublishedFiles()
        raise
    return PublishedFiles(found.data.get(_KEY), found.data.get(_VOLCANO_KEY))
