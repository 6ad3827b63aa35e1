"""What the server says it is.

kubectl and client libraries choose behaviour by the minor version.
"""

import platform

from shoal.api.kubernetes_version import GIT_VERSION, KUBERNETES_VERSION
from shoal.api.resource import JsonObject


def version_info() -> JsonObject:
    major, minor, _ = KUBERNETES_VERSION.split(".")
    return {
        "major": major,
        "minor": minor,
        "gitVersion": GIT_VERSION,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": f"python{platform.python_version()}",
        "platform": f"{platform.system().lower()}/{platform.machine()}",
    }
