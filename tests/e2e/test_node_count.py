"""`shoal up` again on the same data, with another number of nodes: nothing hangs on those that
were."""

import json
from pathlib import Path

from tests.kubectl import OF_THE_WHEEL, Kubectl
from tests.plane import plane
from tests.waiting import SLOW_PAUSE_S, eventually

REPLICAS = 3


def deployment(command: list[str]) -> str:
    labels = {"app": "web"}
    container = {"name": "c", "image": "any", "command": command}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
    }
    return json.dumps(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {
                "replicas": REPLICAS,
                "selector": {"matchLabels": labels},
                "template": template,
            },
        }
    )


def count_processes(command: list[str]) -> int:
    """Those that were started with exactly this."""
    wanted = "\0".join(command).encode() + b"\0"
    found = 0
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += entry.read_bytes() == wanted
        except OSError:
            continue  # it has ended meanwhile
    return found


async def test_from_one_node_to_three_and_back_all_pods_come_to_run_where_a_node_is(
    tmp_path: Path,
) -> None:
    async with plane() as each:
        kubectl = Kubectl(OF_THE_WHEEL, each.kubeconfig, tmp_path)
        # No other process of this machine has the same command.
        command = ["sleep", f"86400.{each.port}"]

        async def read(kind: str) -> list[dict[str, dict[str, str]]]:
            return json.loads(await kubectl("get", kind, "-o", "json"))["items"]

        async def is_settled() -> bool:
            nodes = {node["metadata"]["name"] for node in await read("nodes")}
            pods = await read("pods")
            return (
                len(pods) == REPLICAS
                and all(pod["status"]["phase"] == "Running" for pod in pods)
                and all("deletionTimestamp" not in pod["metadata"] for pod in pods)
                and {pod["spec"]["nodeName"] for pod in pods} <= nodes
                and count_processes(command) == REPLICAS
            )

        await kubectl("apply", "-f", "-", stdin=deployment(command))
        await eventually(is_settled, "pods on the first node", pause_s=SLOW_PAUSE_S)
        for flags, node_count in ((("--nodes", "3"), 3), ((), 1)):
            assert await each.stop() == 0
            each.flags = flags
            await each.start()
            assert len(await read("nodes")) <= node_count
            await eventually(is_settled, f"pods with {flags}", pause_s=SLOW_PAUSE_S)
            assert len(await read("nodes")) == node_count
        await kubectl("delete", "deployment", "web")
        await eventually(lambda: count_processes(command) == 0, pause_s=SLOW_PAUSE_S)
        await kubectl("wait", "--for=delete", "pod", "-l", "app=web", "--timeout=50s")
