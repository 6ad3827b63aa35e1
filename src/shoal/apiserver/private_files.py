"""Files that only their owner may read: keys, tokens, kubeconfigs."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def write_private(path: Path, data: bytes) -> None:
    """Replaces a file as a whole, with mode 0600 from its first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp makes the file with mode 0600.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def read_or_write_private(path: Path, make: Callable[[], bytes]) -> bytes:
    """What the file holds; where there is none, it is made once."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        data = make()
        write_private(path, data)
        return data
