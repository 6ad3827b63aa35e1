"""Real clients against the embedded server, which is either in memory and without nodes (`https`,
`kubectl`) or a whole `shoal up` that tests share, each in a namespace of its own (`up`,
`namespace`, `kubectl_up`). Tests of the second sort run in the session's event loop.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from shoal.api.core import NAMESPACES
from shoal.client.connection import load_connection
from shoal.client.http import HttpClient
from shoal.client.protocol import Client
from shoal.testing.cluster import HttpsCluster, https_cluster
from tests import kubectl as binaries
from tests.plane import Plane, plane

SHOAL_YAML = """
images:
- {match: "sleeper*", command: [sleep, "1000"]}
"""


class Kubectl(binaries.Kubectl):
    """One kubectl binary, pointed at a cluster in memory."""

    def __init__(self, binary: Path, cluster: HttpsCluster, home: Path) -> None:
        super().__init__(binary, cluster.kubeconfig, home)
        self.cluster = cluster


@pytest.fixture
async def https(tmp_path: Path) -> AsyncIterator[HttpsCluster]:
    async with https_cluster(tmp_path) as cluster:
        yield cluster


@pytest.fixture(params=binaries.kubectls(), ids=binaries.label)
def kubectl(request: pytest.FixtureRequest, https: HttpsCluster, tmp_path: Path) -> Kubectl:
    if not request.param.exists():
        pytest.skip(f"{request.param} is not there")
    return Kubectl(request.param, https, tmp_path)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plane]:
    """`shoal up` with two nodes; images named `sleeper` need no command."""
    config = tmp_path_factory.mktemp("config") / "shoal.yaml"
    config.write_text(SHOAL_YAML)
    flags = ("--nodes", "2", "--node-resources", "cpu=8,memory=8Gi", "--config", str(config))
    async with plane(*flags) as each:
        yield each


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def up_client(up: Plane) -> AsyncIterator[Client]:
    client = HttpClient(await load_connection(up.kubeconfig))
    yield client
    await client.close()


@pytest_asyncio.fixture(loop_scope="session")
async def namespace(up_client: Client) -> AsyncIterator[str]:
    """A namespace for one test; what it holds is ended afterwards."""
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "test-"}}
    made = await up_client.create(NAMESPACES, body)
    yield made.metadata.name
    await up_client.delete(NAMESPACES, made.metadata.name)


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Home folders of kubectl binaries, which keep what they have discovered there."""
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(params=binaries.kubectls(), ids=binaries.label)
def kubectl_up(request: pytest.FixtureRequest, up: Plane, homes: Path) -> binaries.Kubectl:
    return _on_plane(request.param, up, homes)


@pytest.fixture(params=binaries.oldest_and_newest(), ids=binaries.label)
def kubectl_up_ends(request: pytest.FixtureRequest, up: Plane, homes: Path) -> binaries.Kubectl:
    """For tests of what the server does, where the versions between send nothing new."""
    return _on_plane(request.param, up, homes)


def _on_plane(binary: Path, up: Plane, homes: Path) -> binaries.Kubectl:
    if not binary.exists():
        pytest.skip(f"{binary} is not there")
    home = homes / binaries.label(binary)
    home.mkdir(exist_ok=True)
    return binaries.Kubectl(binary, up.kubeconfig, home)
