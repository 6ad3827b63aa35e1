"""Manifest files: YAML or JSON documents from files, folders and standard input."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from shoal.api.resource import JsonObject
from shoal.cli.output import CliError

_SUFFIXES = {".yaml", ".yml", ".json"}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Manifest(msgspec.Struct, frozen=True):
    body: JsonObject
    source: str
    """Where it was read, for messages."""

    @property
    def api_version(self) -> str:
        return str(self.body["apiVersion"])

    @property
    def kind(self) -> str:
        return str(self.body["kind"])

    @property
    def name(self) -> str:
        return str(self.body.get("metadata", {}).get("name", ""))

    @property
    def namespace(self) -> str:
        return str(self.body.get("metadata", {}).get("namespace", ""))


def read(paths: Sequence[str]) -> list[Manifest]:
    """All documents in order; a List is taken apart. Raises CliError."""
    return [manifest for path in paths for manifest in _read_path(path)]


def _read_path(path: str) -> Iterator[Manifest]:
    if path == "-":
        yield from _documents(sys.stdin.read(), "standard input")
        return
    target = Path(path)
    if target.is_dir():
        for each in sorted(target.iterdir()):
            if each.suffix in _SUFFIXES:
                yield from _documents(each.read_text(), str(each))
        return
    if not target.exists():
        raise CliError(f'the path "{path}" does not exist')
    yield from _documents(target.read_text(), path)


def _documents(text: str, source: str) -> Iterator[Manifest]:
    try:
        documents = list(yaml.load_all(text, Loader=_LOADER))
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise CliError(f"{source} is not valid YAML: {reason}") from error
    for document in documents:
        if document is not None:
            yield from _manifests(document, source)


def _manifests(document: Any, source: str) -> Iterator[Manifest]:
    if not isinstance(document, dict):
        raise CliError(f"{source} holds a {type(document).__name__} where an object should be")
    body: JsonObject = document
    for field in ("apiVersion", "kind"):
        if not body.get(field):
            raise CliError(f"{source} holds an object without {field}; add it")
    if body["kind"] == "List":
        for item in body.get("items") or []:
            yield from _manifests(item, source)
        return
    yield Manifest(body, source)
