"""What tells a cluster's API server to ask `reviews`: the webhook configurations.

Source of the format: Kubernetes v1.36, admissionregistration.k8s.io/v1.
"""

import base64
from typing import Any

from shoal.admission.webhooks import MUTATIONS, Mutation, Validation
from shoal.api.pod import PODS
from shoal.api.resource import JsonObject, Resource
from shoal.api.volcano.keys import JDB_MAX_UNAVAILABLE, JDB_MIN_AVAILABLE

NAME = "shoal-admission"
_TIMEOUT_S = 10
_LEFT_ALONE = ("kube-system",)
_HAS_BUDGET = (
    "has(object.metadata.annotations) && "
    f"('{JDB_MIN_AVAILABLE}' in object.metadata.annotations"
    f" || '{JDB_MAX_UNAVAILABLE}' in object.metadata.annotations)"
)


def webhook_configurations(
    validations: tuple[Validation, ...], service: str, namespace: str, authority_pem: bytes
) -> list[JsonObject]:
    """Manifests for webhooks that a Service leads to, with a certificate that `authority_pem`
    signed. Objects in the Service's own namespace and in kube-system are not asked about."""

    def configuration(kind: str, webhooks: list[JsonObject]) -> JsonObject:
        return {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": NAME},
            "webhooks": webhooks,
        }

    def entry(each: Mutation | Validation) -> JsonObject:
        where = {"name": service, "namespace": namespace, "path": each.path, "port": 443}
        authority = base64.b64encode(authority_pem).decode()
        return {
            "name": each.name,
            "clientConfig": {"service": where, "caBundle": authority},
            "rules": [_rule(each.resource, [str(each) for each in each.operations])],
            "namespaceSelector": _elsewhere(namespace),
            "failurePolicy": "Fail",
            "matchPolicy": "Equivalent",
            "sideEffects": "None",
            "timeoutSeconds": _TIMEOUT_S,
            "admissionReviewVersions": ["v1"],
        }

    def validating(each: Validation) -> JsonObject:
        if each.resource is not PODS:
            return entry(each)
        # Pods are many, and few of them are of interest.
        condition = {"name": "has-a-disruption-budget", "expression": _HAS_BUDGET}
        return {**entry(each), "matchConditions": [condition]}

    return [
        configuration("MutatingWebhookConfiguration", [entry(each) for each in MUTATIONS]),
        configuration("ValidatingWebhookConfiguration", [validating(each) for each in validations]),
    ]


def _rule(resource: Resource[Any], operations: list[str]) -> JsonObject:
    return {
        "apiGroups": [resource.group],
        "apiVersions": [resource.version],
        "resources": [resource.plural],
        "operations": operations,
        "scope": "*",
    }


def _elsewhere(namespace: str) -> JsonObject:
    return {
        "matchExpressions": [
            {
                "key": "kubernetes.io/metadata.name",
                "operator": "NotIn",
                "values": [namespace, *_LEFT_ALONE],
            }
        ]
    }
