"""Which queue a command means, and where its source is.

A URL may hold a password, which everybody on the machine could read off a command line: so it
comes from the environment or a file, and `--url` takes only what holds none.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from shoal.api import worker as environment
from shoal.api.names import dns_label
from shoal.cli.output import CliError, reason_of
from shoal.work.addresses import has_password
from shoal.work.locations import make_own, own_url
from shoal.work.protocol import SourceUnavailable, WorkSource
from shoal.work.sources import open_source

_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
"""Of a queue; namespaces are called as Kubernetes' are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhichSource:
    """The flags about the source, as they were given."""

    url: str = ""
    url_variable: str = ""
    url_file: Path | None = None
    data_dir: Path | None = None
    namespace: str = ""

    def queue(self, name: str) -> str:
        """`<namespace>/<name>`; that of the environment where the name is empty. Raises
        CliError."""
        given = name or os.environ.get(environment.QUEUE_VARIABLE, "")
        if not given:
            raise CliError(
                f"which queue? Name it, or set {environment.QUEUE_VARIABLE} to NAMESPACE/NAME"
            )
        namespace, slash, short = given.rpartition("/")
        if slash and self.namespace not in ("", namespace):
            raise CliError(f'{given} is not in namespace "{self.namespace}"; leave out one of both')
        namespace = namespace if slash else self.namespace or "default"
        if not _NAME.fullmatch(short) or any(dns_label(namespace)):
            raise CliError(f'"{given}" names no queue; use NAME or NAMESPACE/NAME')
        return f"{namespace}/{short}"

    def of_namespace(self) -> str:
        """Which namespace is meant where no queue is named."""
        own = os.environ.get(environment.QUEUE_VARIABLE, "").partition("/")[0]
        namespace = self.namespace or own or "default"
        if any(dns_label(namespace)):
            raise CliError(f'"{namespace}" names no namespace')
        return namespace

    def source(self, namespace: str, *, is_putting: bool = False) -> WorkSource:
        """That with the queues of a namespace. `is_putting` makes the folder of the own queues
        where `shoal up` has not. Raises CliError."""
        url = self._url()
        if not url:
            folder = self._data_dir()
            if is_putting:
                _make_own(folder, namespace)
            url = own_url(folder, namespace)
        try:
            return open_source(url)
        except SourceUnavailable as error:
            raise CliError(str(error)) from error

    def _url(self) -> str:
        """By the flags, else the environment; none for the file of the control plane on this
        machine. Raises CliError."""
        given = [self.url, self.url_variable, self.url_file, self.data_dir]
        if sum(map(bool, given)) > 1:
            raise CliError("give only one of --url, --url-from-env, --url-file and --data-dir")
        if self.url:
            if has_password(self.url):
                raise CliError(
                    "--url must not hold a password, because command lines can be seen by others; "
                    "use --url-from-env or --url-file"
                )
            return self.url
        if self.url_variable:
            return _set(os.environ.get(self.url_variable, ""), f"${self.url_variable}")
        if self.url_file is not None:
            return _set(_read(self.url_file), str(self.url_file))
        return "" if self.data_dir is not None else os.environ.get(environment.URL_VARIABLE, "")

    def _data_dir(self) -> Path:
        # Costs time, and pods know their source by the environment.
        from shoal.standalone.config import KUBECONFIG_NAME, default_data_dir

        usual = Path(os.environ.get("KUBECONFIG", ""))
        is_own = usual.name == KUBECONFIG_NAME and usual.exists()
        folder = self.data_dir or (usual.parent if is_own else default_data_dir())
        if not folder.is_dir():
            raise CliError(
                f"{folder} is no data folder of `shoal up`; start that first, name its folder with "
                "--data-dir, or another work source with --url-from-env or --url-file"
            )
        return folder


def namespace_of(queue: str) -> str:
    """Of `<namespace>/<name>`."""
    return queue.partition("/")[0]


def _make_own(data_dir: Path, namespace: str) -> None:
    try:
        make_own(data_dir, namespace)
    except OSError as error:
        raise CliError(
            f"{data_dir} cannot take queues: {reason_of(error)}; name a data folder of `shoal up` "
            "that this user may write"
        ) from error


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(f"{path} cannot be read: {reason_of(error)}") from error


def _set(url: str, where: str) -> str:
    if not url:
        raise CliError(f"{where} is empty; put the URL of a work source there")
    return url
