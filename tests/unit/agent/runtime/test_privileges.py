"""Which capabilities a container gets for what it adds and drops."""

import pytest

from shoal.agent.runtime.privileges import granted, unknown
from shoal.agent.runtime.protocol import Privileges

CHOWN, KILL, NET_BIND_SERVICE, SYS_ADMIN = 0, 5, 10, 21
DEFAULT_MASK = 0xA80425FB
"""As /proc/1/status shows it in a container of any engine."""
ALL_MASK = 0x1FFFFFFFFFF


def mask(privileges: Privileges) -> int:
    return sum(1 << number for number in granted(privileges))


@pytest.mark.parametrize(
    ("added", "dropped", "expected"),
    [
        ((), (), DEFAULT_MASK),
        ((), ("ALL",), 0),
        (("NET_BIND_SERVICE",), ("ALL",), 1 << NET_BIND_SERVICE),
        (("cap_sys_admin",), (), DEFAULT_MASK | 1 << SYS_ADMIN),
        ((), ("CAP_CHOWN", "KILL"), DEFAULT_MASK & ~(1 << CHOWN | 1 << KILL)),
        (("ALL",), (), ALL_MASK),
        (("ALL",), ("SYS_ADMIN",), ALL_MASK & ~(1 << SYS_ADMIN)),
        (("ALL",), ("ALL",), 0),
        (("CHOWN",), ("CHOWN",), DEFAULT_MASK & ~(1 << CHOWN)),
    ],
)
def test_capabilities_are_added_and_dropped_as_container_engines_do_it(
    added: tuple[str, ...], dropped: tuple[str, ...], expected: int
) -> None:
    assert mask(Privileges(added=added, dropped=dropped)) == expected


def test_a_privileged_container_has_them_all() -> None:
    assert mask(Privileges(is_privileged=True, dropped=["ALL"])) == ALL_MASK


def test_unknown_names_are_told_as_they_were_written() -> None:
    wanted = Privileges(added=["NET_ADMIN", "CAP_FLY"], dropped=["all", "Nothing"])
    assert unknown(wanted) == ["CAP_FLY", "Nothing"]
