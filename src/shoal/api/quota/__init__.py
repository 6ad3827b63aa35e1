"""ResourceQuotas: what objects count as, which quotas count them, and whether there is room.

Belongs here: pure arithmetic that the API server asks before a write and the controller of
quotas asks for its recount, so that the two never differ. Must not: who asks, and when.

Source of names, rules and texts: Kubernetes v1.36, pkg/quota/v1/evaluator/core and
apiserver/pkg/admission/plugin/resourcequota.
"""
