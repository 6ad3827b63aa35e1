"""Plugins from outside of the package: how their classes are found, made and looked over.

A class is named by an entry point or by `module:Class`. A point that is written half, such as
`reserve` without `unreserve`, would silently not be run, so a plugin is looked over once, when it
is made, and refused with a sentence. What passes runs behind the guard (see `guarded`).
"""

import inspect
from collections.abc import Callable, Sequence
from enum import StrEnum
from importlib import import_module
from operator import attrgetter
from typing import Any, cast

from shoal.base.guard import Failed, attempt
from shoal.scheduler.framework.guarded import Guard, guarded
from shoal.scheduler.framework.lifted import PluginError
from shoal.scheduler.framework.plugin import Normalization, Plugin, Reads
from shoal.scheduler.framework.points import ProfileError

_WHOLE_POINTS: Sequence[tuple[str, ...]] = (
    ("pre_enqueue",),
    ("sort_key",),
    ("less",),
    ("pre_filter",),
    ("add_pod", "remove_pod"),
    ("filter",),
    ("filter_rows", "filter_status", "filter_reads"),
    ("post_filter",),
    ("pre_score",),
    ("score",),
    ("score_rows", "score_reads"),
    ("reserve", "unreserve"),
    ("permit",),
    ("pre_bind",),
    ("bind",),
    ("post_bind",),
)
"""What belongs together; each is one extension point."""
_COMPANIONS: Sequence[tuple[str, tuple[str, ...]]] = (
    ("normalize_scores", ("score", "score_rows")),
    ("normalization", ("score", "score_rows")),
    ("add_pod", ("pre_filter",)),
)
"""What is of no use without any of the others."""
_CHOICES: Sequence[tuple[str, type[StrEnum]]] = (
    ("filter_reads", Reads),
    ("score_reads", Reads),
    ("normalization", Normalization),
)


def import_factory(reference: str) -> Callable[..., Any]:
    """What `module:Class` names. Raises ProfileError where there is no such thing."""
    module_name, _, name = reference.partition(":")
    module = attempt(import_module, module_name)
    if isinstance(module, Failed):
        error = module.error
        if isinstance(error, ModuleNotFoundError) and f"{module_name}.".startswith(
            f"{error.name}."
        ):
            raise ProfileError(
                f'plugin "{reference}" does not exist: there is no module {error.name}; install '
                "its package, or start in the folder that it is in"
            )
        raise ProfileError(
            f'plugin "{reference}" cannot be imported: {type(error).__name__}: {module.text}'
        )
    factory = attempt(attrgetter(name), module) if name else None
    if not callable(factory):
        raise ProfileError(
            f'plugin "{reference}" does not exist: module {module_name} has no class {name}'
        )
    return factory


def construct(factory: Callable[..., Any], arguments: Any, handle: Any) -> Any:
    """A class without a constructor is called without arguments. Raises what it raises."""
    given: tuple[Any, ...] = (arguments, handle)
    if inspect.isclass(factory) and factory.__init__ is object.__init__:
        given = ()
    return cast(Callable[..., Any], factory)(*given)


def make(factory: Callable[..., Any], arguments: Any, handle: Any, guard: Guard) -> Plugin:
    """The plugin, behind the guard. Raises ProfileError where it cannot be made, or is none; the
    text goes behind the plugin's name."""
    plugin = attempt(construct, factory, arguments, handle)
    if isinstance(plugin, Failed):
        raise ProfileError(_reason(plugin)) from plugin.error
    _look_over(plugin)
    made = attempt(guarded, cast(Plugin, plugin), guard)
    if isinstance(made, Failed):
        raise ProfileError(_reason(made)) from made.error
    return made


def _look_over(plugin: Any) -> None:
    own_name = getattr(plugin, "name", None)
    if not isinstance(own_name, str) or not own_name:
        raise ProfileError('it has no name; give its class name = "..."')
    has_point = False
    for attributes in _WHOLE_POINTS:
        missing = [each for each in attributes if not hasattr(plugin, each)]
        if missing and len(missing) < len(attributes):
            present = next(each for each in attributes if each not in missing)
            raise ProfileError(f"it has {present}, but no {missing[0]} to go with it")
        has_point = has_point or not missing
        for each in attributes:
            if inspect.iscoroutinefunction(getattr(plugin, each, None)):
                raise ProfileError(f"it has an async {each}; plugins answer at once")
    if not has_point:
        raise ProfileError("it has none of the extension points, such as filter or score")
    for attribute, others in _COMPANIONS:
        if hasattr(plugin, attribute) and not any(hasattr(plugin, each) for each in others):
            raise ProfileError(f"it has {attribute}, but no {' or '.join(others)}")
    for attribute, choices in _CHOICES:
        if hasattr(plugin, attribute) and not isinstance(getattr(plugin, attribute), choices):
            raise ProfileError(f"it has a {attribute} that is no {choices.__name__}")


def _reason(failed: Failed) -> str:
    """The message alone often says nothing, as that of a KeyError."""
    if isinstance(failed.error, ValueError | TypeError | PluginError):
        return failed.text
    return f"{type(failed.error).__name__}: {failed.text}"
