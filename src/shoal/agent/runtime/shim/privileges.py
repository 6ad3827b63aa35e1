"""Who a program is and what it may do: user, groups, capabilities, no_new_privs.

The sets are those that container engines give: what is granted bounds all that can ever be had,
and is what user 0 starts with. Another user starts with none, because the kernel takes them away
at exec; nothing is inheritable or ambient.
"""

import os

from shoal.agent.runtime.shim import syscalls
from shoal.agent.runtime.shim.order import LaunchOrder


def assume_user(order: LaunchOrder) -> None:
    """Become the user of the container, for good. Raises OSError that says what was refused."""
    granted = None if order.capabilities is None else frozenset(order.capabilities)
    if granted is not None:
        # First, while there is the right to.
        for number in syscalls.bounding_capabilities() - granted:
            syscalls.drop_bounding_capability(number)
    _become(order)
    if granted is not None:
        syscalls.keep_capabilities(granted)
    if order.has_no_new_privileges:
        syscalls.forbid_new_privileges()


def _become(order: LaunchOrder) -> None:
    """In a user namespace the map has done that already."""
    is_mapped = order.isolation is not None and order.isolation.has_user_namespace
    if is_mapped or os.geteuid() != 0:
        return
    os.setgroups(order.groups)
    if order.group_id is not None:
        os.setresgid(order.group_id, order.group_id, order.group_id)
    if order.user_id is not None:
        os.setresuid(order.user_id, order.user_id, order.user_id)
