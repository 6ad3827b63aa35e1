"""Defaults of pods and pod templates."""

from collections.abc import Iterator
from functools import lru_cache

from shoal.api.quota.pods import HUGE_PAGES, is_for_whole_pods
from shoal.api.resource import JsonObject
from shoal.apiserver.schema.defaults.volumes import default_volume
from shoal.apiserver.schema.pod_resources import limits_of_containers, requests_of_containers

_CONTAINER_LISTS = ("containers", "initContainers", "ephemeralContainers")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def default_pod(pod: JsonObject) -> None:
    spec: JsonObject = pod.setdefault("spec", {})
    default_pod_spec(spec)
    for container in containers_of(spec):
        _request_the_limits(container["resources"])
        if spec.get("hostNetwork"):
            for port in container.get("ports", ()):
                if not port.get("hostPort"):
                    port["hostPort"] = port.get("containerPort", 0)
    if spec.get("resources"):
        _complete_the_whole(spec)
    spec.setdefault("enableServiceLinks", True)


def default_pod_template(template: JsonObject) -> None:
    default_pod_spec(template.setdefault("spec", {}))


def default_pod_spec(spec: JsonObject) -> None:
    """What a pod and a template share."""
    if not spec.get("restartPolicy"):
        spec["restartPolicy"] = "Always"
    spec.setdefault("terminationGracePeriodSeconds", 30)
    if not spec.get("dnsPolicy"):
        spec["dnsPolicy"] = "ClusterFirst"
    spec.setdefault("securityContext", {})
    if not spec.get("schedulerName"):
        spec["schedulerName"] = "default-scheduler"
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for container in containers_of(spec):
        _default_container(container)
    for volume in spec.get("volumes", ()):
        default_volume(volume)


def containers_of(spec: JsonObject) -> Iterator[JsonObject]:
    """Regular, init and ephemeral ones."""
    for field in _CONTAINER_LISTS:
        yield from spec.get(field, ())


def _default_container(container: JsonObject) -> None:
    if not container.get("imagePullPolicy"):
        container["imagePullPolicy"] = _pull_policy(container.get("image", ""))
    if not container.get("terminationMessagePath"):
        container["terminationMessagePath"] = "/dev/termination-log"
    if not container.get("terminationMessagePolicy"):
        container["terminationMessagePolicy"] = "File"
    container.setdefault("resources", {})
    for port in container.get("ports", ()):
        if not port.get("protocol"):
            port["protocol"] = "TCP"
    for variable in container.get("env", ()):
        source = variable.get("valueFrom")
        if source:
            _default_env_source(source)
    for name in _PROBES:
        if name in container:
            _default_probe(container[name])
    for handler in container.get("lifecycle", {}).values():
        if isinstance(handler, dict) and "httpGet" in handler:
            _default_http_get(handler["httpGet"])


def _default_env_source(source: JsonObject) -> None:
    if "fieldRef" in source and not source["fieldRef"].get("apiVersion"):
        source["fieldRef"]["apiVersion"] = "v1"
    if "resourceFieldRef" in source:
        source["resourceFieldRef"].setdefault("divisor", "0")


def _default_probe(probe: JsonObject) -> None:
    for field, value in (
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ):
        if not probe.get(field):
            probe[field] = value
    if "httpGet" in probe:
        _default_http_get(probe["httpGet"])
    if "grpc" in probe:
        probe["grpc"].setdefault("service", "")


def _default_http_get(action: JsonObject) -> None:
    if not action.get("path"):
        action["path"] = "/"
    if not action.get("scheme"):
        action["scheme"] = "HTTP"


@lru_cache(maxsize=1024)
def _pull_policy(image: str) -> str:
    """Always for the tag `latest`, named or meant; a digest alone means no tag."""
    name, _, digest = image.partition("@")
    _, _, tag = name.rpartition("/")[2].partition(":")
    is_latest = tag == "latest" or (not tag and not digest and bool(name))
    return "Always" if is_latest else "IfNotPresent"


def _complete_the_whole(spec: JsonObject) -> None:
    """A pod with limits as a whole requests what its containers do, or else those limits; huge
    pages are not overcommitted, so their limits are what its containers have. Source: Kubernetes
    v1.36, pkg/apis/core/v1/defaults.go (defaultHugePagePodLimits, defaultPodRequests)."""
    whole: JsonObject = spec["resources"]
    for name, amount in limits_of_containers(spec).items():
        if name.startswith(HUGE_PAGES):
            whole.setdefault("limits", {}).setdefault(name, str(amount))
    if not whole.get("limits"):
        return
    for name, amount in requests_of_containers(spec).items():
        if is_for_whole_pods(name) and not name.startswith(HUGE_PAGES):
            whole.setdefault("requests", {}).setdefault(name, str(amount))
    _request_the_limits(whole)


def _request_the_limits(resources: JsonObject) -> None:
    limits = resources.get("limits")
    if limits:
        requests: JsonObject = resources.setdefault("requests", {})
        for name, quantity in limits.items():
            requests.setdefault(name, quantity)
