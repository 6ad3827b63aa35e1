"""Protobuf request bodies: what kubectl sent, everything the table knows, and broken bytes."""

import base64
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.status import ApiError
from shoal.apiserver.protobuf import MAGIC, decode
from tests.unit.apiserver.protobuf_encoder import TABLE, encode, random_object

# Bodies as kubectl 1.33 and 1.37 sent them (byte for byte the same), with the objects they hold.
CAPTURED: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("protobuf_bodies.json").read_text()
)
KINDS = {
    "core/v1.Pod": ("v1", "Pod"),
    "core/v1.Service": ("v1", "Service"),
    "core/v1.Event": ("v1", "Event"),
    "core/v1.Node": ("v1", "Node"),
    "core/v1.PersistentVolume": ("v1", "PersistentVolume"),
    "apps/v1.Deployment": ("apps/v1", "Deployment"),
    "apps/v1.StatefulSet": ("apps/v1", "StatefulSet"),
    "batch/v1.CronJob": ("batch/v1", "CronJob"),
    "coordination/v1.Lease": ("coordination.k8s.io/v1", "Lease"),
    "rbac/v1.ClusterRole": ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    "authorization/v1.SubjectAccessReview": (
        "authorization.k8s.io/v1",
        "SubjectAccessReview",
    ),
    "policy/v1.Eviction": ("policy/v1", "Eviction"),
    "meta/v1.DeleteOptions": ("v1", "DeleteOptions"),
}


@pytest.mark.parametrize("name", CAPTURED)
def test_bodies_of_kubectl_are_read(name: str) -> None:
    captured = CAPTURED[name]
    assert decode(base64.b64decode(captured["body"])) == captured["object"]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("message", KINDS)
def test_every_field_survives_the_way_there_and_back(message: str, seed: int) -> None:
    # Seeds instead of hypothesis: an object is thousands of draws, too many to shrink.
    api_version, kind = KINDS[message]
    rng = random.Random(seed)
    obj = {"apiVersion": api_version, "kind": kind, **random_object(rng, message)}
    assert decode(encode(obj, message)) == obj


def test_zeros_of_fields_that_are_no_pointers_are_left_out() -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a"},
        "spec": {"containers": [{"name": "c", "livenessProbe": {"exec": {"command": ["x"]}}}]},
    }
    assert decode(encode(pod, "core/v1.Pod")) == pod


def test_zeros_of_pointers_stay() -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "spec": {
            "containers": [],
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "securityContext": {},
        },
    }
    del pod["spec"]["containers"]  # an empty list leaves nothing on the wire
    assert decode(encode(pod, "core/v1.Pod")) == pod


def test_unknown_fields_are_stepped_over() -> None:
    body = encode({"apiVersion": "v1", "kind": "Namespace"}, "core/v1.Namespace")
    unknown = bytes([0x79]) + b"12345678" + bytes([0x7D]) + b"1234" + bytes([0x78, 5])
    assert decode(body + unknown) == {"apiVersion": "v1", "kind": "Namespace"}


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [("ploto.io/v1", "Task"), ("apps.example.com/v1", "Deployment"), ("v1", "Nothing"), ("", "")],
)
def test_kinds_without_a_table_are_an_unsupported_media_type(api_version: str, kind: str) -> None:
    body = encode({"apiVersion": api_version, "kind": kind}, "core/v1.Namespace")
    with pytest.raises(ApiError) as caught:
        decode(body)
    assert caught.value.code == 415


@pytest.mark.parametrize("body", [b"", b"{}", b"k8s", b"k8s\0\xff", b"k8s\0\x08\x01"])
def test_bytes_that_are_no_envelope_are_refused(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        decode(body)
    assert caught.value.code in (400, 415)


@given(
    name=st.sampled_from(sorted(CAPTURED)),
    cut=st.integers(0, 400),
    place=st.integers(0, 400),
    byte=st.integers(0, 255),
)
def test_broken_bytes_are_refused_or_read_but_never_crash(
    name: str, cut: int, place: int, byte: int
) -> None:
    body = bytearray(base64.b64decode(CAPTURED[name]["body"]))
    body[4 + place % (len(body) - 4)] = byte
    try:
        decode(bytes(body[: max(len(MAGIC), len(body) - cut % len(body))]))
    except ApiError as error:
        assert error.code in (400, 415)


def test_no_message_contains_itself() -> None:
    # The decoder recurses by the table; that this ends is a property of the table.
    def reach(message: str, above: tuple[str, ...]) -> None:
        assert message not in above
        for row in TABLE[message]:
            if row[3] in TABLE:
                reach(row[3], (*above, message))

    for message in KINDS:
        reach(message, ())
