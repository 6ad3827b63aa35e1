"""Make the API server's schema tables from the `kubernetes-validate` package (`make schemas`).

The package carries the OpenAPI definitions of every Kubernetes release. This keeps what the
served kinds reach, and writes two files to `src/shoal/apiserver/data/`:

- `definitions.json`: name -> schema without descriptions; a `$ref` is the bare name of another
  definition. Read at start-up, so it is small.
- `descriptions.json`: name -> field -> text, the definition's own under "". Only OpenAPI
  documents (`kubectl explain`) need it.

To serve another built-in kind, add its definition to ROOTS and run this again.
"""

import argparse
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import orjson

KUBERNETES_VERSION = "v1.36.0"
DATA = Path(__file__).parent.parent / "src" / "shoal" / "apiserver" / "data"

_CORE = "io.k8s.api.core.v1."
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
ROOTS = (
    _CORE + "Binding",
    _CORE + "ConfigMap",
    _CORE + "Endpoints",
    _CORE + "Event",
    _CORE + "LimitRange",
    _CORE + "Namespace",
    _CORE + "Node",
    _CORE + "PersistentVolume",
    _CORE + "PersistentVolumeClaim",
    _CORE + "Pod",
    _CORE + "ResourceQuota",
    _CORE + "Secret",
    _CORE + "Service",
    _CORE + "ServiceAccount",
    "io.k8s.api.apps.v1.ControllerRevision",
    "io.k8s.api.apps.v1.DaemonSet",
    "io.k8s.api.apps.v1.Deployment",
    "io.k8s.api.apps.v1.ReplicaSet",
    "io.k8s.api.apps.v1.StatefulSet",
    "io.k8s.api.authentication.v1.SelfSubjectReview",
    "io.k8s.api.authentication.v1.TokenRequest",
    "io.k8s.api.authorization.v1.SelfSubjectAccessReview",
    "io.k8s.api.authorization.v1.SelfSubjectRulesReview",
    "io.k8s.api.autoscaling.v1.Scale",
    "io.k8s.api.batch.v1.CronJob",
    "io.k8s.api.batch.v1.Job",
    "io.k8s.api.coordination.v1.Lease",
    "io.k8s.api.discovery.v1.EndpointSlice",
    "io.k8s.api.events.v1.Event",
    "io.k8s.api.networking.v1.NetworkPolicy",
    "io.k8s.api.policy.v1.Eviction",
    "io.k8s.api.policy.v1.PodDisruptionBudget",
    "io.k8s.api.scheduling.v1.PriorityClass",
    "io.k8s.api.storage.v1.CSINode",
    "io.k8s.api.storage.v1.StorageClass",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition",
    _META + "APIGroup",
    _META + "APIGroupList",
    _META + "APIResourceList",
    _META + "DeleteOptions",
    _META + "Patch",
    _META + "Status",
)

_REF_PREFIX = "#/$defs/"
_KEPT = (
    "enum",
    "format",
    "required",
    "x-kubernetes-group-version-kind",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
    "x-kubernetes-patch-merge-key",
    "x-kubernetes-patch-strategy",
)

Schema = dict[str, Any]


def compact(schema: Schema) -> Schema:
    """The schema as Kubernetes publishes it: one type, bare references, no descriptions.

    kubernetes-validate adds "null" to types and pins apiVersion and kind by an enum; both go.
    """
    out: Schema = {}
    match schema.get("type"):
        case str(name):
            out["type"] = name
        case [name, "null"]:
            out["type"] = name
        case _:
            pass
    if "$ref" in schema:
        out["$ref"] = schema["$ref"].removeprefix(_REF_PREFIX)
    for key in _KEPT:
        if key in schema:
            out[key] = schema[key]
    if "oneOf" in schema:
        out["oneOf"] = [compact(choice) for choice in schema["oneOf"]]
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            out[key] = compact(schema[key])
    if "properties" in schema:
        out["properties"] = {
            name: compact(inner) for name, inner in sorted(schema["properties"].items())
        }
        for name in ("apiVersion", "kind"):
            out["properties"].get(name, {}).pop("enum", None)
    return out


def references(schema: Schema) -> list[str]:
    found = [schema["$ref"]] if "$ref" in schema else []
    inner = [schema[key] for key in ("items", "additionalProperties") if key in schema]
    for part in [*inner, *schema.get("properties", {}).values()]:
        found += references(part)
    return found


def make_tables(published: dict[str, Schema]) -> tuple[bytes, bytes]:
    """The contents of definitions.json and descriptions.json."""
    definitions: dict[str, Schema] = {}
    waiting = list(ROOTS)
    while waiting:
        name = waiting.pop()
        if name not in definitions:
            definitions[name] = compact(published[name])
            waiting += references(definitions[name])
    descriptions = {
        name: {
            field: text
            for field, text in [
                ("", published[name].get("description", "")),
                *(
                    (field, inner.get("description", ""))
                    for field, inner in published[name].get("properties", {}).items()
                ),
            ]
            if text
        }
        for name in definitions
    }
    option = orjson.OPT_SORT_KEYS
    return orjson.dumps(definitions, option=option), orjson.dumps(descriptions, option=option)


def published_definitions() -> dict[str, Schema]:
    """Of KUBERNETES_VERSION, as kubernetes-validate carries them."""
    folder = resources.files("kubernetes_validate") / "kubernetes-json-schema"
    file = folder / f"{KUBERNETES_VERSION}-local" / "_definitions.json"
    return orjson.loads(file.read_bytes())["$defs"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if outdated")
    arguments = parser.parse_args()
    contents = make_tables(published_definitions())
    files = (DATA / "definitions.json", DATA / "descriptions.json")
    if arguments.check:
        return int(any(f.read_bytes() != c for f, c in zip(files, contents, strict=True)))
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
        print(f"{file.name}: {len(content)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
