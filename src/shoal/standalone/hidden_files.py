"""What of the control plane's own files pods in a sandbox see: the queues of their namespace."""

import sys
from collections.abc import Sequence
from pathlib import Path

import shoal
from shoal.agent.runtime.host_view import HostView
from shoal.agent.runtime.protocol import Mount
from shoal.standalone.config import Settings
from shoal.work.locations import make_own, own_path


def host_view(settings: Settings) -> HostView:
    """Keys, tokens, the database and what belongs to other pods are hidden; so is a kubeconfig
    that is kept elsewhere."""
    folder = settings.data_dir
    programs = [
        Mount(source=path, target=str(path)) for path in own_programs() if folder in path.parents
    ]

    def shown(namespace: str) -> Sequence[Mount]:
        queues = make_own(folder, namespace)
        return [*programs, Mount(source=queues, target=str(own_path(folder, namespace).parent))]

    hidden = [folder]
    if not settings.kubeconfig.is_relative_to(folder):
        hidden.append(settings.kubeconfig)
    return HostView(hidden=hidden, shown=shown)


def own_programs() -> list[Path]:
    """Where this program lies, which pods may run as well: an environment may have been made in
    the data folder."""
    source = Path(shoal.__file__).parents[1]
    return [path.resolve() for path in (Path(sys.prefix), Path(sys.base_prefix), source)]
