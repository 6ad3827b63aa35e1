"""Which Kubernetes Shoal passes for: the version whose behaviour it follows."""

from shoal import __version__

KUBERNETES_VERSION = "1.36.2"
GIT_VERSION = f"v{KUBERNETES_VERSION}+shoal.{__version__}"
"""As a server and a node of this build call themselves; clients parse it."""
