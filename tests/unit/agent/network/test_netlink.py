"""What of pyroute2 is loaded to write the kernel's messages."""

import subprocess
import sys

PARTS = ("netlink.rtnl.ifinfmsg", "netlink.rtnl.rtmsg", "nftables.main", "nftables.expressions")


def test_only_the_parts_of_the_library_that_are_needed_are_imported() -> None:
    asking = "; ".join(f"library({part!r})" for part in PARTS)
    code = f"import sys; from shoal.agent.network.netlink import library; {asking}"
    count = "print(sum(name.startswith('pyroute2') for name in sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}; {count}"], capture_output=True, text=True, check=True
    )
    assert len(PARTS) < int(ran.stdout) < 60, "all of it is 160 modules"
