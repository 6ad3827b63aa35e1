"""What is not honoured, on the pod and on the node."""

from dataclasses import replace

import msgspec

from shoal.agent.limitations import enforcement, limitations
from shoal.agent.runtime.protocol import Capabilities
from shoal.api.pod import Pod

ALL = Capabilities(
    level="sandbox",
    isolates_mounts=True,
    isolates_processes=True,
    holds_memory=True,
    limits_cpu=True,
    limits_pids=True,
    changes_users=True,
    mounts_memory=True,
    user_id=0,
)


def make_pod(container=None, **spec):
    body = {"spec": {"containers": [{"name": "c"} | (container or {})], **spec}}
    return msgspec.convert(body, Pod)


def test_each_thing_that_is_not_honoured_is_said():
    pod = make_pod(
        {
            "tty": True,
            "securityContext": {
                "seccompProfile": {"type": "RuntimeDefault"},
                "procMount": "Unmasked",
            },
        },
        volumes=[{"name": "m", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}],
        securityContext={
            "sysctls": [{"name": "a", "value": "1"}],
            "seLinuxOptions": {"level": "s0"},
            "appArmorProfile": {"type": "RuntimeDefault"},
        },
    )
    assert len(limitations(pod, ALL)) == 6
    [at_most_one] = [
        text for text in limitations(pod, replace(ALL, mounts_memory=False)) if "medium" in text
    ]
    assert at_most_one == (
        'volume "m": medium Memory is ignored, it is on disk: the agent may not mount'
    )


def test_what_is_honoured_is_not_mentioned():
    pod = make_pod(
        {
            "securityContext": {
                "privileged": True,
                "capabilities": {"drop": ["ALL"]},
                "seccompProfile": {"type": "Unconfined"},
            }
        },
        volumes=[{"name": "m", "emptyDir": {"sizeLimit": "1Gi"}}],
        securityContext={"fsGroup": 5, "supplementalGroups": [6]},
    )
    assert limitations(pod, ALL) == []


def test_a_node_says_what_does_not_hold_there():
    assert enforcement(ALL).is_whole
    poor = replace(ALL, holds_memory=False, limits_cpu=False, changes_users=False)
    found = enforcement(poor)
    assert (found.is_whole, found.reason) == (False, "NotAllEnforced")
    assert found.message == (
        "memory is looked at every 0.02 to 1 s and the container killed; cpu is not limited; "
        "a container has one user and one group of its own choice, on the host it is the agent"
    )
