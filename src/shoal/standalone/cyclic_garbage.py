"""Python's search for cyclic garbage, set for one process that lives long.

Modules, classes and tables that start-up makes are never garbage, and by default the search walks
through all of them many times. So it pauses until the control plane is up, passes over what is
there then, and afterwards comes only every so many objects: a request makes hardly any cycles.
Measured: docs/reference/performance.md.
"""

import gc

_NEW_OBJECTS = 10_000
"""Objects made and not freed before a search of the youngest; Python's own default is 700."""


def pause_search() -> None:
    gc.disable()


def resume_search() -> None:
    """What exists now counts as permanent."""
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
    gc.enable()
