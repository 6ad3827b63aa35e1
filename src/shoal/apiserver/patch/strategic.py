"""Strategic merge patch: a merge patch in which lists merge too, as the schema says.

`MergeFacts` tells for each place whether a list is merged, by which key its items are matched,
and whether an object is replaced. Directives inside the patch say what a plain merge cannot:

    $patch: delete | replace            on an object, or on an item of a merged list
    $setElementOrder/FIELD: [...]       the order of all items the patch's author knows
    $deleteFromPrimitiveList/FIELD: []  values to take out of a list of primitives
    $retainKeys: [...]                  all other keys of the object go (unions)

Source of the rules: Kubernetes v1.36, apimachinery/pkg/util/strategicpatch.
"""

from collections.abc import Hashable
from typing import Any

import orjson

from shoal.api.resource import JsonObject
from shoal.api.status import bad_request
from shoal.apiserver.patch import refusals
from shoal.apiserver.patch.element_order import Identity, arrange, follows
from shoal.apiserver.served import MergeFacts

_DIRECTIVE = "$patch"
_RETAIN_KEYS = "$retainKeys"
_ELEMENT_ORDER = "$setElementOrder/"
_DELETE_FROM = "$deleteFromPrimitiveList/"


def apply_strategic_patch(doc: JsonObject, patch: object, facts: MergeFacts) -> JsonObject:
    """The patched object. `facts` is the place of the whole object. Raises ApiError 400, 422."""
    if not isinstance(patch, dict):
        raise refusals.malformed("map[string]interface {}", patch)
    return _merge_object(doc, patch, facts)


def _merge_object(original: JsonObject, patch: JsonObject, facts: MergeFacts) -> JsonObject:
    match patch.get(_DIRECTIVE, ...):
        case "replace":
            return _cleaned_object(patch)
        case "delete":
            return {}
        case directive if directive is not ...:
            raise refusals.unknown_directive(directive, patch)
        case _:
            merged = _retained(original, patch)

    ordered_fields = {
        key.removeprefix(_ELEMENT_ORDER) for key in patch if key.startswith(_ELEMENT_ORDER)
    }
    for field in ordered_fields:
        _merge_ordered_list(merged, patch, field, facts.field(field))
    for key, value in patch.items():
        if key.startswith(_DELETE_FROM):
            _delete_from_list(merged, key.removeprefix(_DELETE_FROM), value)
        elif key in ordered_fields or key.startswith(_ELEMENT_ORDER) or key == _RETAIN_KEYS:
            continue
        elif value is None:
            merged.pop(key, None)
        elif key in merged:
            merged[key] = _merge_value(merged[key], value, facts.field(key))
        elif not _is_deletion(value):
            merged[key] = _cleaned(value)
    return merged


def _merge_value(original: Any, value: Any, facts: MergeFacts) -> Any:
    if isinstance(original, dict) and isinstance(value, dict):
        if "replace" in facts.strategies:
            return _cleaned_object(value)
        return _merge_object(original, value, facts)
    if isinstance(original, list) and isinstance(value, list) and "merge" in facts.strategies:
        return _merge_list(original, value, facts)
    return _cleaned(value)


def _retained(original: JsonObject, patch: JsonObject) -> JsonObject:
    """A copy of `original`, with only the keys that `$retainKeys` lists where it is given."""
    if _RETAIN_KEYS not in patch:
        return dict(original)
    keys = patch[_RETAIN_KEYS]
    if not isinstance(keys, list):
        raise bad_request("invalid patch format of retainKeys")
    for key, value in patch.items():
        if value is not None and not _is_directive(key) and key not in keys:
            raise refusals.rejected()
    return {key: value for key, value in original.items() if key in keys}


# Lists


def _merge_ordered_list(
    merged: JsonObject, patch: JsonObject, field: str, facts: MergeFacts
) -> None:
    order = _list_of(patch[_ELEMENT_ORDER + field], _ELEMENT_ORDER + field)
    live = _list_of(merged[field], field) if field in merged else None
    if patch.get(field) is None:
        if field in patch:
            merged.pop(field, None)
            return
        items = live
    else:
        patched = _list_of(patch[field], field)
        _check_order(patched, order, facts)
        if live is None:
            items = _cleaned(patched)
        elif "merge" in facts.strategies:
            items = _merge_list(live, patched, facts)
        else:
            items = _cleaned(patched)
    if items is not None:
        identity = _identity_in(items + order, facts)
        merged[field] = arrange(items, patch_order=order, live_order=live or [], identity=identity)


def _check_order(patched: list[Any], order: list[Any], facts: MergeFacts) -> None:
    staying = [item for item in patched if not (isinstance(item, dict) and _DIRECTIVE in item)]
    if not order or not staying:
        return
    if not follows(staying, order, _identity_in(staying + order, facts)):
        raise refusals.order_mismatch(patched, order)


def _merge_list(live: list[Any], patched: list[Any], facts: MergeFacts) -> list[Any]:
    """Items of the patch first merged into their namesakes or appended, then put in order."""
    if all(isinstance(item, dict) for item in live + patched):
        if not facts.merge_key and live + patched:
            raise bad_request("cannot merge lists without merge key")
        live, patched = _without_special_items(live, patched, facts.merge_key)
        merged = _merge_items(live, patched, facts)
    else:
        if any(isinstance(item, list | dict) for item in live + patched):
            raise refusals.rejected()
        merged = list({_scalar_identity(item): item for item in [*live, *patched]}.values())
    identity = _identity_in(merged, facts)
    return arrange(merged, patch_order=patched, live_order=live, identity=identity)


def _without_special_items(
    live: list[Any], patched: list[Any], merge_key: str
) -> tuple[list[Any], list[Any]]:
    """Carry out the items that bear a `$patch`: live list and patch list without them."""
    plain = [item for item in patched if _DIRECTIVE not in item]
    is_replaced = False
    deleted: set[Hashable] = set()
    for item in patched:
        match item.get(_DIRECTIVE, ...):
            case "delete":
                if merge_key not in item:
                    raise refusals.missing_merge_key(item, merge_key)
                deleted.add(_scalar_identity(item[merge_key]))
            case "replace":
                is_replaced = True
            case directive if directive is not ...:
                raise refusals.unknown_directive(directive, item)
            case _:
                pass
    if is_replaced:
        return [], plain
    if deleted:
        live = [item for item in live if _scalar_identity(item.get(merge_key)) not in deleted]
    return live, plain


def _merge_items(live: list[Any], patched: list[Any], facts: MergeFacts) -> list[Any]:
    identity = _identity_in(live + patched, facts)
    places: dict[Hashable, int] = {}
    for place, item in enumerate(live):
        places.setdefault(identity(item), place)
    merged = list(live)
    for item in patched:
        place = places.setdefault(identity(item), len(merged))
        if place < len(merged):
            merged[place] = _merge_object(merged[place], item, facts.item)
        else:
            merged.append(_cleaned_object(item))
    return merged


def _delete_from_list(merged: JsonObject, field: str, values: object) -> None:
    if not isinstance(values, list):
        raise bad_request("invalid patch format of primitive list")
    if field in merged:
        gone = {_scalar_identity(value) for value in values}
        live = _list_of(merged[field], field)
        merged[field] = [item for item in live if _scalar_identity(item) not in gone]


def _identity_in(items: list[Any], facts: MergeFacts) -> Identity:
    """How items of this list are told apart; refuses items that have no merge key."""
    merge_key = facts.merge_key
    if not merge_key:
        return _scalar_identity
    for item in items:
        if not isinstance(item, dict):
            raise refusals.rejected()
        if merge_key not in item:
            raise refusals.missing_merge_key(item, merge_key)
    return lambda item: _scalar_identity(item[merge_key])


def _scalar_identity(value: Any) -> Hashable:
    # The type counts: true is not 1. Values that should be scalars and are not stay comparable.
    if isinstance(value, dict | list):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return (type(value), value)


def _list_of(value: object, field: str) -> list[Any]:
    if not isinstance(value, list):
        raise refusals.wrong_type(field, "list", value)
    return value


# Values that are taken from the patch as they are, but for directives and nulls


def _cleaned(value: Any) -> Any:
    if isinstance(value, dict):
        return _cleaned_object(value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value if not _is_deletion(item)]
    return value


def _cleaned_object(value: JsonObject) -> JsonObject:
    return {
        key: _cleaned(item)
        for key, item in value.items()
        if item is not None and not _is_directive(key) and not _is_deletion(item)
    }


def _is_directive(key: str) -> bool:
    return key in (_DIRECTIVE, _RETAIN_KEYS) or key.startswith((_ELEMENT_ORDER, _DELETE_FROM))


def _is_deletion(value: object) -> bool:
    return isinstance(value, dict) and value.get(_DIRECTIVE) == "delete"
