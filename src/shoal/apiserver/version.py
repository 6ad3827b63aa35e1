"""What the server says it is.

kubectl and client libraries choose behaviour by the minor version, so it is that of the API
whose behaviour this server follows.
"""

import platform

from shoal import __version__
from shoal.api.resource import JsonObject

KUBERNETES_VERSION = "1.36.2"


def version_info() -> JsonObject:
    major, minor, _ = KUBERNETES_VERSION.split(".")
    return {
        "major": major,
        "minor": minor,
        "gitVersion": f"v{KUBERNETES_VERSION}+shoal.{__version__}",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": f"python{platform.python_version()}",
        "platform": f"{platform.system().lower()}/{platform.machine()}",
    }
