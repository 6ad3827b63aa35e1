"""Manifest files: YAML or JSON documents from files, folders and standard input."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from shoal.api.json_yaml import JsonYamlError, documents
from shoal.api.resource import JsonObject
from shoal.cli.output import CliError

_SUFFIXES = {".yaml", ".yml", ".json"}


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
        yield from _manifests_in(sys.stdin.buffer.read(), "standard input")
        return
    target = Path(path)
    if target.is_dir():
        for each in sorted(target.iterdir()):
            if each.suffix in _SUFFIXES:
                yield from _manifests_in(each.read_bytes(), str(each))
        return
    if not target.exists():
        raise CliError(f'the path "{path}" does not exist')
    yield from _manifests_in(target.read_bytes(), path)


def _manifests_in(text: bytes, source: str) -> Iterator[Manifest]:
    try:
        found = list(documents(text))
    except JsonYamlError as error:
        raise CliError(f"{source} is not valid YAML: {error}") from error
    for document in found:
        if document is not None:
            yield from _manifests(document, source)


def _manifests(document: Any, source: str) -> Iterator[Manifest]:
    body = _object(document, "", source)
    for field in ("apiVersion", "kind"):
        if not body.get(field):
            raise CliError(f"{source} holds an object without {field}; add it")
    if body["kind"] == "List":
        for item in body.get("items") or []:
            yield from _manifests(item, source)
        return
    metadata = _object(body.setdefault("metadata", {}), "metadata", source)
    if metadata.get("annotations") is not None:
        _object(metadata["annotations"], "metadata.annotations", source)
    yield Manifest(body, source)


def _object(value: Any, place: str, source: str) -> JsonObject:
    if isinstance(value, dict):
        return value
    where = f" as {place}" if place else ""
    raise CliError(f"{source} holds a {type(value).__name__}{where} where an object should be")
