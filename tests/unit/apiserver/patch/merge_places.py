"""`MergeFacts` spelled out, so that patches are tested without the schema tables."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Place:
    merge_key: str = ""
    strategies: frozenset[str] = frozenset()
    fields: "dict[str, Place]" = dataclasses.field(default_factory=dict)

    def field(self, name: str) -> "Place":
        return self.fields.get(name, Place())

    @property
    def item(self) -> "Place":
        return Place(fields=self.fields)


def merged_by(merge_key: str, **fields: Place) -> Place:
    return Place(merge_key, frozenset({"merge"}), fields)


def of(**fields: Place) -> Place:
    return Place(fields=fields)


PRIMITIVES = Place(strategies=frozenset({"merge"}))
CONTAINER = {"env": merged_by("name"), "ports": merged_by("containerPort")}
POD_SPEC = of(
    containers=merged_by("name", **CONTAINER),
    volumes=Place("name", frozenset({"merge", "retainKeys"})),
    nodeSelector=Place(),
)
METADATA = of(finalizers=PRIMITIVES, ownerReferences=merged_by("uid"))
DEPLOYMENT = of(
    metadata=METADATA,
    spec=of(
        strategy=Place(strategies=frozenset({"retainKeys"})),
        template=of(metadata=METADATA, spec=POD_SPEC),
        selector=of(matchLabels=Place(strategies=frozenset({"replace"}))),
    ),
)
NODE = of(metadata=METADATA, spec=of())
