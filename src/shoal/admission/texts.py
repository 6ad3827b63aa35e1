"""Lists and several errors as Go programs print them, for texts that people know from Volcano."""

from collections.abc import Iterable, Sequence

from shoal.api.status import Cause

BOTH_TIERS = (
    "must not specify 'highestTierAllowed' and 'highestTierName' in networkTopology simultaneously"
)
"""Of a `networkTopology`, wherever it stands."""


def bracketed(values: Iterable[object]) -> str:
    """A slice printed with `%v`."""
    return f"[{' '.join(str(value) for value in values)}]"


def aggregated(causes: Iterable[Cause]) -> str:
    """Causes as one text; empty where there are none. Source: Kubernetes v1.36,
    apimachinery/pkg/util/errors, which says the same thing only once."""
    texts = list(dict.fromkeys(str(cause) for cause in causes))
    if len(texts) < 2:
        return "".join(texts)
    return f"[{', '.join(texts)}]"


def errors_occurred(errors: Sequence[str]) -> str:
    """Source of the layout: hashicorp/go-multierror, format.go."""
    if len(errors) == 1:
        return f"1 error occurred:\n\t* {errors[0]}\n\n"
    points = "\n\t".join(f"* {error}" for error in errors)
    return f"{len(errors)} errors occurred:\n\t{points}\n\n"
