"""Admission inside the embedded API server: the rules, asked without a webhook in between.

Implements `shoal.apiserver.admission`. A refusal looks to clients as that of a webhook: its text
names the webhook, and its code is the one Kubernetes gives to denials that bear none.
"""

from shoal.admission.job_tasks import TemplateRules
from shoal.admission.lookup import Lookup
from shoal.admission.webhooks import (
    MUTATIONS,
    ChangeRequest,
    Mutation,
    Operation,
    Validation,
    validations,
)
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError


class KindRules:
    """What is asked about one kind."""

    def __init__(self, mutation: Mutation | None, validation: Validation, lookup: Lookup) -> None:
        self._mutation = mutation
        self._validation = validation
        self._lookup = lookup

    @property
    def sees_deletions(self) -> bool:
        return Operation.DELETE in self._validation.operations

    def fill_in(self, obj: JsonObject, old: JsonObject | None) -> None:
        if self._mutation is not None:
            self._mutation.edit(ChangeRequest(obj, old), self._lookup)

    def refusal(self, obj: JsonObject | None, old: JsonObject | None) -> ApiError | None:
        why = self._validation.refuse(ChangeRequest(obj, old))
        return denial(self._validation.name, why) if why else None


class VolcanoAdmission:
    """What is asked about Volcano's kinds, and about pods."""

    def __init__(self, lookup: Lookup, template_rules: TemplateRules) -> None:
        mutations = {each.resource.group_resource: each for each in MUTATIONS}
        self._kinds = {
            kind: KindRules(mutations.get(kind), validation, lookup)
            for validation in validations(lookup, template_rules)
            for kind in (validation.resource.group_resource,)
        }

    def of(self, group_resource: str) -> KindRules | None:
        return self._kinds.get(group_resource)


def denial(webhook: str, why: str) -> ApiError:
    """Source of text and code: Kubernetes v1.36, apiserver/pkg/admission/plugin/webhook/errors."""
    return ApiError(400, "", f'admission webhook "{webhook}" denied the request: {why}')
