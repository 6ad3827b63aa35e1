"""What is served at this moment: the built-in kinds, and one kind for each stored CRD.

Custom kinds are not kept in step with CRD writes: they are looked up in the store, by the CRD's
name, and made again when the CRD's revision is another one. So a CRD is served from the moment
its write is published, and nothing has to follow it.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec
import orjson

from shoal.api.resource import JsonObject
from shoal.apiserver.conditions import is_true
from shoal.apiserver.served import Served
from shoal.store.protocol import Entry, Store

CRD_BUCKET = "customresourcedefinitions.apiextensions.k8s.io"

CustomKinds = Callable[[JsonObject], list[Served]]


class ServedDefinition(msgspec.Struct, frozen=True):
    """What one CRD makes the server serve."""

    revision: int
    served: dict[str, Served]
    """By version."""
    is_terminating: bool


class Registry:
    """Finds what is served; custom kinds follow their definitions in the store."""

    def __init__(self, builtin: Iterable[Served], custom: CustomKinds, store: Store) -> None:
        self._builtin = {
            (s.resource.group, s.resource.version, s.resource.plural): s for s in builtin
        }
        self._custom = custom
        self._store = store
        self._made: dict[str, ServedDefinition] = {}

    def find(self, group: str, version: str, plural: str) -> Served | None:
        found = self._builtin.get((group, version, plural))
        if found is not None or not group:
            return found
        kind = self._custom_kind(f"{plural}.{group}")
        return kind.served.get(version) if kind else None

    def builtin(self) -> Sequence[Served]:
        return list(self._builtin.values())

    def all(self) -> Sequence[Served]:
        """Built-in kinds first, then custom ones by name."""
        custom = [self._made_from(entry) for entry in self._crds()]
        return [*self._builtin.values(), *(s for kind in custom for s in kind.served.values())]

    @property
    def edition(self) -> tuple[int, ...]:
        """Changes when what is served may have changed."""
        return tuple(entry.revision for entry in self._crds())

    def is_terminating(self, served: Served) -> bool:
        """Whether the kind's CRD is being deleted, so that nothing new may be created."""
        kind = self._custom_kind(served.bucket) if served.is_custom else None
        return kind is not None and kind.is_terminating

    def _crds(self) -> Sequence[Entry]:
        return self._store.list(f"{CRD_BUCKET}/").entries

    def _custom_kind(self, name: str) -> ServedDefinition | None:
        entry = self._store.get(f"{CRD_BUCKET}/{name}")
        if entry is None:
            self._made.pop(name, None)
            return None
        return self._made_from(entry)

    def _made_from(self, entry: Entry) -> ServedDefinition:
        name = entry.key.partition("/")[2]
        kind = self._made.get(name)
        if kind is None or kind.revision != entry.revision:
            kind = self._made[name] = self._make(entry)
        return kind

    def _make(self, entry: Entry) -> ServedDefinition:
        crd: JsonObject = orjson.loads(entry.value)
        served = {s.resource.version: s for s in self._custom(crd)} if is_established(crd) else {}
        is_terminating = "deletionTimestamp" in crd["metadata"]
        return ServedDefinition(entry.revision, served, is_terminating)


def is_established(crd: JsonObject) -> bool:
    """Whether objects of the kind may be served: its names are accepted."""
    return is_true(crd.get("status"), "Established")
