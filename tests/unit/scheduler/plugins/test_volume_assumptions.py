"""Volumes and claims are as they were promised, until the API server tells."""

from typing import Any

import msgspec

from shoal.api.resource import JsonObject, Resource
from shoal.api.storage import CLAIMS, PERSISTENT_VOLUMES, SELECTED_NODE
from shoal.scheduler.plugins.volume_assumptions import AssumedVolumes
from shoal.scheduler.state.objects import Objects
from tests.volumes import claim, volume


def put(objects: Objects, resource: Resource[Any], manifest: JsonObject, version: str) -> Any:
    manifest["metadata"]["resourceVersion"] = version
    found = msgspec.convert(manifest, resource.type)
    objects.set(resource, found.metadata.key, found)
    return found


def test_a_promise_stands_until_a_newer_version_comes() -> None:
    objects = Objects()
    wanted = put(objects, CLAIMS, claim("data"), "1")
    assumed = AssumedVolumes(objects)
    assumed.assume("pod", "n", [], [wanted])
    assumed.settle("pod")
    promised = assumed.claim(wanted.metadata.key)
    assert promised is not None
    assert promised.metadata.annotations[SELECTED_NODE] == "n"
    newer = put(objects, CLAIMS, claim("data"), "2")
    assert assumed.claim(wanted.metadata.key) is newer


def test_what_was_promised_to_bound_pods_is_not_kept_for_ever() -> None:
    objects = Objects()
    assumed = AssumedVolumes(objects)
    for number in range(50):
        wanted = put(objects, CLAIMS, claim(f"c{number}"), "1")
        made = put(objects, CLAIMS, claim(f"m{number}"), "1")
        found = put(objects, PERSISTENT_VOLUMES, volume(f"v{number}"), "1")
        assumed.assume(f"pod{number}", "n", [(wanted, found)], [made])
        assumed.settle(f"pod{number}")
        assert assumed.assumed_count == 2
        # The volume is told of, the claim goes.
        put(objects, PERSISTENT_VOLUMES, volume(f"v{number}"), "2")
        objects.remove(CLAIMS, made.metadata.key)


def test_a_promise_that_is_taken_back_leaves_nothing() -> None:
    objects = Objects()
    wanted = put(objects, CLAIMS, claim("data"), "1")
    assumed = AssumedVolumes(objects)
    assumed.assume("pod", "n", [], [wanted])
    assumed.revert("pod")
    assert assumed.claim(wanted.metadata.key) is wanted
    assert assumed.assumed_count == 0
