"""The objects a pod refers to: which ones, and what they held when they were fetched.

They are fetched before anything is decided from them (`reference_reader`). ConfigMaps, Secrets and
tokens that do not exist are simply absent here; what that means (waiting, failing, nothing) is
for `environment` and `volumes` to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shoal.api.core import ConfigMap, Secret
from shoal.api.pod import Container, Pod
from shoal.api.pod_claims import claim_name
from shoal.api.storage import PersistentVolume, PersistentVolumeClaim


@dataclass(frozen=True, slots=True)
class TokenWish:
    """A service account token that a volume projects."""

    audience: str
    """Empty is the API server's own."""
    expiration_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """By name; what does not exist is absent."""

    config_maps: Mapping[str, ConfigMap] = field(default_factory=dict[str, ConfigMap])
    secrets: Mapping[str, Secret] = field(default_factory=dict[str, Secret])
    tokens: Mapping[TokenWish, str] = field(default_factory=dict[TokenWish, str])
    claims: Mapping[str, PersistentVolumeClaim] = field(
        default_factory=dict[str, PersistentVolumeClaim]
    )
    volumes: Mapping[str, PersistentVolume] = field(default_factory=dict[str, PersistentVolume])
    """What the claims are bound to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be fetched, by name."""

    config_maps: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    tokens: frozenset[TokenWish] = frozenset()
    claims: frozenset[str] = frozenset()


def wanted_by_environment(container: Container) -> Wanted:
    """What a container's variables are taken from."""
    config_maps: set[str] = set()
    secrets: set[str] = set()
    for source in container.env_from:
        if source.config_map_ref is not None:
            config_maps.add(source.config_map_ref.name)
        if source.secret_ref is not None:
            secrets.add(source.secret_ref.name)
    for variable in container.env:
        if (value_from := variable.value_from) is None:
            continue
        if value_from.config_map_key_ref is not None:
            config_maps.add(value_from.config_map_key_ref.name)
        if value_from.secret_key_ref is not None:
            secrets.add(value_from.secret_key_ref.name)
    return Wanted(config_maps=frozenset(config_maps), secrets=frozenset(secrets))


def wanted_by_volumes(pod: Pod) -> Wanted:
    """What the pod's volumes are made from."""
    config_maps: set[str] = set()
    secrets: set[str] = set()
    tokens: set[TokenWish] = set()
    for volume in pod.spec.volumes:
        if volume.config_map is not None:
            config_maps.add(volume.config_map.name)
        if volume.secret is not None:
            secrets.add(volume.secret.secret_name)
        for source in volume.projected.sources if volume.projected is not None else []:
            if source.config_map is not None:
                config_maps.add(source.config_map.name)
            if source.secret is not None:
                secrets.add(source.secret.name)
            if (token := source.service_account_token) is not None:
                tokens.add(TokenWish(token.audience, token.expiration_seconds))
    claims = (claim_name(pod, volume) for volume in pod.spec.volumes)
    return Wanted(
        config_maps=frozenset(config_maps),
        secrets=frozenset(secrets),
        tokens=frozenset(tokens),
        claims=frozenset(name for name in claims if name),
    )
