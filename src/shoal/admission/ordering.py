"""Whether things that wait for each other can ever come in some order."""

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter


def undefined(dependencies: Mapping[str, Iterable[str]]) -> list[str]:
    """What is waited for and is not there."""
    return sorted({name for names in dependencies.values() for name in names} - set(dependencies))


def has_order(dependencies: Mapping[str, Iterable[str]]) -> bool:
    """`dependencies` gives for each name what comes before it."""
    if undefined(dependencies):
        return False
    try:
        TopologicalSorter(dependencies).prepare()
    except CycleError:
        return False
    return True
