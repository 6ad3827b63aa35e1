"""PodGroups as they are created: Volcano's verdicts, in Volcano's words."""

from typing import Any

import msgspec
import pytest

from shoal.admission.pod_groups import refuse_pod_group
from shoal.admission.webhooks import MUTATIONS, ChangeRequest
from shoal.api.resource import JsonObject
from shoal.api.volcano.pod_group import PodGroup
from tests.unit.admission.objects import Objects, queue

(MUTATION,) = [each for each in MUTATIONS if each.name == "mutatepodgroup.volcano.sh"]
OTHERS = Objects(
    queue("default"),
    queue("open"),
    queue("fresh", state=""),
    queue("closed", state="Closed"),
    queue("closing", state="Closing"),
    queue("unknown", state="Unknown"),
    queue("parent"),
    queue("child", parent="parent"),
    others={
        "namespaces": [
            {"metadata": {"name": "plain"}},
            {
                "metadata": {
                    "name": "team",
                    "annotations": {"scheduling.volcano.sh/queue-name": "open"},
                }
            },
        ]
    },
)
BOTH = "must not specify 'highestTierAllowed' and 'highestTierName' in networkTopology"


def group(namespace: str = "plain", **spec: Any) -> JsonObject:
    return {"metadata": {"name": "g", "namespace": namespace}, "spec": spec}


def tiers(allowed: int | None = None, name: str = "") -> JsonObject:
    return {"highestTierAllowed": allowed, "highestTierName": name}


def policy(name: str, topology: JsonObject) -> JsonObject:
    return {"name": name, "networkTopology": topology}


def not_open(name: str, state: str) -> str:
    return (
        f"can only submit PodGroup to queue with state `Open`, queue `{name}` status is `{state}`."
    )


CASES = {
    "an open queue": (group(queue="open"), ""),
    "the default queue": (group(), ""),
    "no queue at all": (group(queue=""), ""),
    "a queue whose state nobody has written yet": (group(queue="fresh"), ""),
    "a queue with queues below it": (group(queue="parent"), ""),
    "a queue that is not there": (
        group(queue="gone"),
        'unable to find queue: queue.scheduling.volcano.sh "gone" not found',
    ),
    "a closed queue": (group(queue="closed"), not_open("closed", "Closed")),
    "a closing queue": (group(queue="closing"), not_open("closing", "Closing")),
    "a queue of unknown state": (group(queue="unknown"), not_open("unknown", "Unknown")),
    "a tier by number": (group(queue="open", networkTopology=tiers(1)), ""),
    "a tier by name": (group(queue="open", networkTopology=tiers(name="rack")), ""),
    "a tier by number and name": (
        group(queue="open", networkTopology=tiers(0, "rack")),
        f"{BOTH} simultaneously.",
    ),
    "a tier of subgroups by name": (
        group(queue="open", subGroupPolicy=[policy("p", tiers(name="rack"))]),
        "",
    ),
    "a tier of subgroups by number and name": (
        group(
            queue="open",
            subGroupPolicy=[policy("ok", tiers(1)), policy("p", tiers(1, "rack"))],
        ),
        f"in subGroupPolicy 'p': {BOTH} simultaneously.",
    ),
    "all faults at once": (
        group(
            queue="closed",
            networkTopology=tiers(1, "rack"),
            subGroupPolicy=[policy("p", tiers(1, "rack"))],
        ),
        f"{not_open('closed', 'Closed')}; {BOTH} simultaneously. in subGroupPolicy 'p':"
        f" {BOTH} simultaneously.",
    ),
}


@pytest.mark.parametrize(("manifest", "message"), CASES.values(), ids=CASES)
def test_a_group_with(manifest: JsonObject, message: str) -> None:
    assert refuse_pod_group(msgspec.convert(manifest, PodGroup), OTHERS) == message


DEFAULTS = {
    "of a namespace with a queue": (group("team"), "open"),
    "that says default, as the schema does": (group("team", queue="default"), "open"),
    "that chose a queue itself": (group("team", queue="closed"), "closed"),
    "of a namespace without a queue": (group("plain"), "default"),
    "of a namespace that is not there": (group("gone", queue=""), "default"),
}


@pytest.mark.parametrize(("manifest", "name"), DEFAULTS.values(), ids=DEFAULTS)
def test_the_queue_of_a_group(manifest: JsonObject, name: str) -> None:
    MUTATION.edit(ChangeRequest(manifest, None), OTHERS)
    assert manifest["spec"]["queue"] == name
