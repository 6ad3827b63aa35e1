"""Where the control plane of one machine keeps its work queues: a SQLite file for each namespace,
beside its other data, so that a pod's access to its own namespace's queues is access to one file.
"""

from pathlib import Path


def own_path(data_dir: Path, namespace: str) -> Path:
    """The file with the queues of a namespace."""
    return data_dir.absolute() / "work" / f"{namespace}.db"


def make_own_folder(data_dir: Path) -> None:
    """The folder of these files; the sources make none."""
    own_path(data_dir, "default").parent.mkdir(exist_ok=True)


def own_url(data_dir: Path, namespace: str) -> str:
    """The same for `open_source`."""
    return own_path(data_dir, namespace).as_uri().replace("file:", "sqlite:", 1)


def remove_own(data_dir: Path, namespace: str) -> None:
    """Forget the queues of a namespace that is gone: one of the same name begins anew."""
    path = own_path(data_dir, namespace)
    for suffix in ("", "-wal", "-shm", ".lock"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
