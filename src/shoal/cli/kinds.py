"""From the words people type (`pods`, `dep/quick`, `deploy web`) to resources and names."""

from collections.abc import Sequence

from shoal.api.resource import JsonObject, Resource
from shoal.cli.manifests import Manifest
from shoal.cli.output import CliError
from shoal.client.discovery import ServedResource, find


def resource_named(served: Sequence[ServedResource], word: str) -> ServedResource:
    """Raises CliError where nothing is served under that name."""
    found = find(served, word)
    if found is None:
        raise CliError(f'the server doesn\'t have a resource type "{word}"')
    return found


def targets(
    served: Sequence[ServedResource], words: Sequence[str]
) -> list[tuple[ServedResource, str]]:
    """`pod a b` or `pod/a dep/b` to (resource, name); a lone kind gives an empty name."""
    if any("/" in word for word in words):
        pairs = [word.partition("/") for word in words]
        if not all(slash and name for _, slash, name in pairs):
            raise CliError("write either KIND NAME... or KIND/NAME..., not both in one command")
        if any("/" in name for _, _, name in pairs):
            raise CliError("a name holds no slash; write KIND/NAME")
        return [(resource_named(served, kind), name) for kind, _, name in pairs]
    kinds = words[0].split(",")
    if len(words) > 1 and len(kinds) > 1:
        raise CliError("names can only be given for one kind")
    if words[0] == "all":
        return [(each, "") for each in served if "all" in each.categories]
    resources = [resource_named(served, kind) for kind in kinds]
    return [(each, name) for each in resources for name in (words[1:] or [""])]


def resource_of(served: Sequence[ServedResource], manifest: Manifest) -> Resource[JsonObject]:
    """The resource of a manifest, in the version that it names. Raises CliError."""
    group, _, version = manifest.api_version.rpartition("/")
    for each in served:
        known = each.resource
        if known.group == group and known.kind == manifest.kind and version in each.versions:
            return Resource(
                known.group, version, known.plural, known.kind, known.type, known.namespaced
            )
    raise CliError(
        f'{manifest.source} asks for kind "{manifest.kind}" in version "{manifest.api_version}", '
        "which the server does not serve; write a version that it has, or apply its CRD first"
    )
