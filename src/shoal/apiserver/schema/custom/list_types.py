"""Lists of type `set` and `map` hold each item, or each key, once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shoal.api import causes
from shoal.api.status import Cause


@dataclass(frozen=True, slots=True)
class ListPlace:
    """A place that is such a list, or has some below."""

    list_type: str
    keys: tuple[str, ...]
    fields: Mapping[str, "ListPlace"]
    extra: "ListPlace | None"
    item: "ListPlace | None"

    def check(self, path: str, value: Any) -> Iterator[Cause]:
        match value:
            case dict():
                for name, item in value.items():
                    place = self.fields.get(name, self.extra)
                    if place is not None:
                        yield from place.check(f"{path}.{name}" if path else name, item)
            case list():
                yield from self._check_unique(path, value)
                if self.item is not None:
                    for index, item in enumerate(value):
                        yield from self.item.check(f"{path}[{index}]", item)
            case _:
                pass

    def _check_unique(self, path: str, items: list[Any]) -> Iterator[Cause]:
        if self.list_type not in ("set", "map"):
            return
        seen: set[str] = set()
        for index, item in enumerate(items):
            shown = item
            if self.list_type == "map" and isinstance(item, dict):
                shown = {key: item[key] for key in self.keys if key in item}
            text = causes.shown(shown)
            if text in seen:
                yield causes.duplicate(f"{path}[{index}]", shown)
            seen.add(text)


def list_place(schema: Mapping[str, Any]) -> ListPlace | None:
    """The places to look at in a schema; None where there are none."""
    below = {name: list_place(inner) for name, inner in schema.get("properties", {}).items()}
    fields = {name: place for name, place in below.items() if place is not None}
    extra, items = schema.get("additionalProperties"), schema.get("items")
    extra_place = list_place(extra) if isinstance(extra, dict) else None
    item_place = list_place(items) if isinstance(items, dict) else None
    list_type = schema.get("x-kubernetes-list-type", "")
    if list_type not in ("set", "map") and not (fields or extra_place or item_place):
        return None
    keys = tuple(schema.get("x-kubernetes-list-map-keys", ()))
    return ListPlace(list_type, keys, fields, extra_place, item_place)
