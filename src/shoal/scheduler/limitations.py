"""What a pod demands of its node that no plugin here looks at: told, never ignored in silence."""

from shoal.api.pod import PodSpec

NOT_HONOURED = "NotHonoured"
"""Reason of the event."""


def limitation(spec: PodSpec) -> str:
    """One sentence that names the fields; empty where all of the pod's demands were met. Mere
    preferences do not count."""
    fields: list[str] = []
    affinity = spec.affinity
    if affinity is not None:
        for name, terms in (
            ("podAffinity", affinity.pod_affinity),
            ("podAntiAffinity", affinity.pod_anti_affinity),
        ):
            if terms is not None and terms.required_during_scheduling_ignored_during_execution:
                fields.append(f"affinity.{name}")
    spread = spec.topology_spread_constraints
    if any(each.when_unsatisfiable == "DoNotSchedule" for each in spread):
        fields.append("topologySpreadConstraints")
    if not fields:
        return ""
    return f"the node was chosen without regard to {', '.join(fields)}: not supported yet"
