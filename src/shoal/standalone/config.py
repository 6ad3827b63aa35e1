"""What `shoal up` is asked for: flags and shoal.yaml, checked before anything starts."""

import os
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated

import msgspec

from shoal.agent.images import ImageMapping
from shoal.agent.network.layout import SUBNET_PREFIX
from shoal.api import causes, quantity
from shoal.api.json_yaml import JsonYamlError, document
from shoal.api.names import qualified_name
from shoal.apiserver.schema.validation.resources import validate_amount
from shoal.scheduler.config.loading import ConfigurationError, LoadedConfiguration
from shoal.scheduler.config.loading import load as load_configuration
from shoal.scheduler.config.volcano_conf import LoadedVolcanoConf, load_volcano_conf
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES

DEFAULT_DATA_DIR = Path("~/.shoal")
KUBECONFIG_NAME = "kubeconfig"
STORE_FILE = "store.db"
_SCHEDULER_FLAG = "--scheduler-config"
_RUNTIMES = ("auto", "sandbox", "process")


class ConfigError(Exception):
    """A flag or a line of shoal.yaml that cannot be used; the text says which and why."""


Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class PlotoSection(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """What Ploto's controller was told by flags; all of it is off until it is named."""

    health_port: Port | None = None
    metrics_port: Port | None = None
    archive: Path | None = None
    """A file; relative paths start at the folder of shoal.yaml."""
    archive_after_s: Annotated[float, msgspec.Meta(ge=0)] | None = msgspec.field(
        default=None, name="archiveAfterSeconds"
    )

    def __post_init__(self) -> None:
        if self.health_port is not None and self.health_port == self.metrics_port:
            raise ValueError("`healthPort` and `metricsPort` must differ")
        if self.archive is None and self.archive_after_s is not None:
            raise ValueError("`archiveAfterSeconds` needs an `archive`")


class SchedulerSection(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """Where the scheduler's own file is, and what that has no word for."""

    config: Path | None = None
    """A KubeSchedulerConfiguration; relative paths start at the folder of shoal.yaml."""
    volcano_conf: Path | None = None
    """A volcano-scheduler.conf, likewise; it is read again when it changes."""
    plugin_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = msgspec.field(
        default=1.0, name="pluginTimeoutSeconds"
    )


class VolcanoSection(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """What Volcano's controllers were told by flags."""

    scheduler_names: tuple[str, ...] = ("volcano",)
    """Of pods that get a PodGroup where they have none."""


_NOT_FOR_BRIDGES = [
    IPv4Network(each) for each in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")
]
"""This host, loopback, link-local, multicast and reserved (IANA's registry of special-purpose IPv4
addresses)."""


class NetworkSection(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """How pods are connected where the machine leaves the choice."""

    namespaces: bool = True
    """False: pods share the network of the machine even where each could have its own."""
    subnet: str | None = None
    """Of the bridge: pods get its lower half, Services the upper."""

    def __post_init__(self) -> None:
        if self.subnet is None:
            return
        subnet = IPv4Network(self.subnet)
        if subnet.prefixlen != SUBNET_PREFIX:
            raise ValueError(f"`subnet` must be a /{SUBNET_PREFIX}, such as 10.200.0.0/16")
        if any(subnet.overlaps(each) for each in _NOT_FOR_BRIDGES):
            raise ValueError(f"`subnet` {subnet} cannot be a bridge's; use such as 10.200.0.0/16")


class ConfigFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """shoal.yaml."""

    images: list[ImageMapping] = []
    network: NetworkSection = NetworkSection()
    ploto: PlotoSection = PlotoSection()
    scheduler: SchedulerSection = SchedulerSection()
    volcano: VolcanoSection = VolcanoSection()


@dataclass(frozen=True, slots=True)
class VolcanoConfFile:
    """A file that can be used, as it was when it was read."""

    path: Path
    text: str
    loaded: LoadedVolcanoConf


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    data_dir: Path
    port: int
    runtime: str
    images: tuple[ImageMapping, ...]
    network: NetworkSection
    ploto: PlotoSection
    scheduler: SchedulerSection
    volcano: VolcanoSection
    scheduling: LoadedConfiguration | None
    """None: the default profiles."""
    volcano_conf: VolcanoConfFile | None
    """None: Shoal's own rules for queues and gangs."""
    kubeconfig: Path
    nodes: int
    node_resources: dict[str, str]
    """Resource name to quantity; what is absent is read off the machine."""


def default_data_dir() -> Path:
    """$SHOAL_DATA_DIR, else ~/.shoal."""
    return Path(os.environ.get("SHOAL_DATA_DIR") or DEFAULT_DATA_DIR).expanduser()


def load(
    *,
    data_dir: Path | None,
    port: int,
    runtime: str,
    config_file: Path | None,
    kubeconfig: Path | None,
    nodes: int,
    node_resources: str,
    scheduler_config: Path | None = None,
) -> Settings:
    """Check everything. Raises ConfigError with one sentence; of the scheduler's file, with all
    that is wrong."""
    if runtime not in _RUNTIMES:
        raise ConfigError(f'--runtime "{runtime}" is not one of {", ".join(_RUNTIMES)}')
    if not 0 <= port <= 65535:
        raise ConfigError(f"--port {port} is not between 0 and 65535")
    file = _read_file(config_file)
    folder = (data_dir or default_data_dir()).expanduser().resolve()
    scheduler_path = scheduler_config or file.scheduler.config
    named_by = _SCHEDULER_FLAG if scheduler_config else f"{config_file}: scheduler.config"
    scheduling = read_scheduler_file(scheduler_path, named_by) if scheduler_path else None
    if scheduling is not None:
        _check_files(scheduling)
    volcano_path = file.scheduler.volcano_conf
    return Settings(
        data_dir=folder,
        port=port,
        runtime=runtime,
        images=tuple(file.images),
        network=file.network,
        ploto=file.ploto,
        scheduler=file.scheduler,
        volcano=file.volcano,
        scheduling=scheduling,
        volcano_conf=read_volcano_conf(volcano_path) if volcano_path else None,
        kubeconfig=(kubeconfig or folder / KUBECONFIG_NAME).expanduser().resolve(),
        nodes=nodes,
        node_resources=parse_resources(node_resources),
    )


def _read_bytes(flag: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ConfigError(f"{flag} {path} does not exist") from error
    except OSError as error:
        raise ConfigError(f"{flag} {path} cannot be read: {error.strerror}") from error


def read_scheduler_file(path: Path, named_by: str = _SCHEDULER_FLAG) -> LoadedConfiguration:
    """`named_by` is the flag or the field that names it. Raises ConfigError: a sentence, or a line
    for each cause."""
    return load_scheduler_text(_read_bytes(named_by, path), str(path))


def load_scheduler_text(text: str | bytes, name: str) -> LoadedConfiguration:
    """`name` is what messages call it. Raises ConfigError: a line for each cause."""
    try:
        return replace(load_configuration(text, DEFAULT_PROFILES[0].plugins), name=name)
    except ConfigurationError as error:
        raise _unusable(name, error) from error


def read_volcano_conf(path: Path) -> VolcanoConfFile:
    """Raises ConfigError: a sentence, or a line for each cause."""
    raw = _read_bytes("scheduler.volcanoConf", path)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} cannot be used: it is not UTF-8: {error}") from error
    return VolcanoConfFile(path, text, load_volcano_conf_text(text, str(path)))


def load_volcano_conf_text(text: str, name: str) -> LoadedVolcanoConf:
    """`name` is what messages call it. Raises ConfigError: a line for each cause."""
    try:
        return load_volcano_conf(text)
    except ConfigurationError as error:
        raise _unusable(name, error) from error


def _unusable(name: str, error: ConfigurationError) -> ConfigError:
    lines = "".join(f"\n  {line}" for line in error.lines)
    return ConfigError(f"{name} cannot be used:{lines}")


def _check_files(scheduling: LoadedConfiguration) -> None:
    """That what it names can be read here, where it is to be used."""
    for path, name in scheduling.files:
        try:
            Path(name).read_bytes()
        except OSError as error:
            cause = causes.invalid(path, name, f"cannot be read: {error.strerror}")
            raise ConfigError(f"{scheduling.name} cannot be used: {cause}") from error


def _read_file(path: Path | None) -> ConfigFile:
    if path is None:
        return ConfigFile()
    try:
        raw = document(_read_bytes("--config", path))
    except JsonYamlError as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from error

    def read_path(kind: type, value: object) -> Path:
        if not isinstance(value, str):
            raise TypeError(f"Expected `str`, got `{type(value).__name__}`")
        return (path.parent / Path(value).expanduser()).resolve()

    try:
        file = msgspec.convert({} if raw is None else raw, ConfigFile, dec_hook=read_path)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from error
    if file.ploto.archive is not None and not file.ploto.archive.parent.is_dir():
        raise ConfigError(
            f"{path}: the folder of ploto.archive, {file.ploto.archive.parent}, does not exist"
        )
    return file


def parse_resources(text: str) -> dict[str, str]:
    """`cpu=4,memory=8Gi` to a map. Raises ConfigError."""
    resources: dict[str, str] = {}
    for term in filter(None, (part.strip() for part in text.split(","))):
        name, equals, amount = term.partition("=")
        if not (name and equals and amount):
            raise ConfigError(f'--node-resources: "{term}" is not NAME=QUANTITY')
        for wrong in qualified_name(name):
            raise ConfigError(f'--node-resources: "{name}" is no name of a resource: {wrong}')
        try:
            for cause in validate_amount(name, amount, name):
                raise ConfigError(f"--node-resources: {cause}")
        except quantity.QuantityError as error:
            raise ConfigError(
                f'--node-resources: "{amount}" is no amount of {name}, such as 4 or 8Gi'
            ) from error
        resources[name] = amount
    return resources
