"""The sentence in which people are told why no node will do.

Source of the format: Kubernetes v1.36, pkg/scheduler/framework/types.go (FitError).
"""

from collections.abc import Mapping


def fit_error(node_count: int, reasons: Mapping[str, int], pre_filter_message: str = "") -> str:
    """`reasons` by how many nodes have them; where PreFilter ended the cycle its message stands
    instead."""
    text = f"0/{node_count} nodes are available:"
    if pre_filter_message:
        return f"{text} {pre_filter_message}."
    if not reasons:
        return text
    # Sorted as text, count first, as kube-scheduler does.
    listed = sorted(f"{count} {reason}" for reason, count in reasons.items())
    return f"{text} {', '.join(listed)}."
