"""Strategic merge patches: what kubectl sends on the wire, and every directive."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.status import ApiError
from shoal.apiserver.patch.strategic import apply_strategic_patch
from tests.unit.apiserver.patch.merge_places import DEPLOYMENT, NODE, merged_by, of


def deployment(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%"}},
            "template": {"spec": {"containers": list(containers), **spec}},
        },
    }


def containers_patch(*containers: dict[str, Any], order: list[str] | None = None) -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": list(containers)} if containers else {}
    if order is not None:
        spec["$setElementOrder/containers"] = [{"name": name} for name in order]
    return {"spec": {"template": {"spec": spec}}}


def containers_of(doc: dict[str, Any]) -> list[dict[str, Any]]:
    return doc["spec"]["template"]["spec"]["containers"]


def names(items: list[dict[str, Any]]) -> list[str]:
    return [item["name"] for item in items]


WEB = {"name": "web", "image": "nginx:1", "env": [{"name": "A", "value": "1"}]}
LOG = {"name": "log", "image": "busybox:1"}
LIVE = deployment(WEB, LOG, volumes=[{"name": "v", "emptyDir": {}}])


class TestWhatKubectlSends:
    def test_set_image_changes_one_container(self) -> None:
        patch = containers_patch({"name": "log", "image": "busybox:2"}, order=["web", "log"])
        result = apply_strategic_patch(LIVE, patch, DEPLOYMENT)
        assert containers_of(result) == [WEB, {"name": "log", "image": "busybox:2"}]

    def test_set_env_adds_and_removes_variables(self) -> None:
        patch = containers_patch(
            {
                "$setElementOrder/env": [{"name": "B"}],
                "env": [{"name": "B", "value": "2"}, {"$patch": "delete", "name": "A"}],
                "name": "web",
            },
            {"env": [{"name": "B", "value": "2"}], "name": "log"},
            order=["web", "log"],
        )
        web, log = containers_of(apply_strategic_patch(LIVE, patch, DEPLOYMENT))
        assert web == {"name": "web", "image": "nginx:1", "env": [{"name": "B", "value": "2"}]}
        assert log == {**LOG, "env": [{"name": "B", "value": "2"}]}

    def test_rollout_restart_annotates_the_template(self) -> None:
        annotations = {"kubectl.kubernetes.io/restartedAt": "2026-11-22T04:13:45Z"}
        patch = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
        template = apply_strategic_patch(LIVE, patch, DEPLOYMENT)["spec"]["template"]
        assert template == {
            **LIVE["spec"]["template"],
            "metadata": {"annotations": annotations},
        }

    def test_taint_replaces_the_taints(self) -> None:
        node = {"spec": {"taints": [{"effect": "NoSchedule", "key": "a", "value": "b"}]}}
        taints = [{"effect": "NoSchedule", "key": "k"}, node["spec"]["taints"][0]]
        patch = {"spec": {"taints": taints}}
        assert apply_strategic_patch(node, patch, NODE) == patch
        assert apply_strategic_patch(node, {"spec": {"taints": None}}, NODE) == {"spec": {}}

    def test_cordon_sets_unschedulable(self) -> None:
        patch = {"spec": {"unschedulable": True}}
        assert apply_strategic_patch({"spec": {"podCIDR": "x"}}, patch, NODE) == {
            "spec": {"podCIDR": "x", "unschedulable": True}
        }

    def test_edit_reorders_containers(self) -> None:
        patch = containers_patch(order=["log", "web"])
        assert containers_of(apply_strategic_patch(LIVE, patch, DEPLOYMENT)) == [LOG, WEB]

    def test_edit_removes_a_container(self) -> None:
        patch = containers_patch({"$patch": "delete", "name": "log"}, order=["web"])
        assert containers_of(apply_strategic_patch(LIVE, patch, DEPLOYMENT)) == [WEB]

    def test_edit_adds_a_container_at_its_place(self) -> None:
        new = {"name": "new", "image": "i"}
        patch = containers_patch(new, order=["web", "new", "log"])
        assert containers_of(apply_strategic_patch(LIVE, patch, DEPLOYMENT)) == [WEB, new, LOG]

    def test_edit_of_a_strategy_retains_only_the_listed_keys(self) -> None:
        strategy = {"$retainKeys": ["type"], "rollingUpdate": None, "type": "Recreate"}
        result = apply_strategic_patch(LIVE, {"spec": {"strategy": strategy}}, DEPLOYMENT)
        assert result["spec"]["strategy"] == {"type": "Recreate"}

    def test_edit_exchanges_a_volume(self) -> None:
        volume = {"hostPath": {"path": "/x"}, "name": "w"}
        patch = {
            "spec": {
                "template": {
                    "spec": {
                        "$setElementOrder/volumes": [{"name": "w"}],
                        "volumes": [volume, {"$patch": "delete", "name": "v"}],
                    }
                }
            }
        }
        result = apply_strategic_patch(LIVE, patch, DEPLOYMENT)
        assert result["spec"]["template"]["spec"]["volumes"] == [volume]

    def test_patch_puts_a_new_container_first(self) -> None:
        # As the real server does: an item without a place in the live list precedes it.
        patch = containers_patch({"name": "new", "image": "i"})
        result = apply_strategic_patch(LIVE, patch, DEPLOYMENT)
        assert names(containers_of(result)) == ["new", "web", "log"]


class TestDirectives:
    def test_replace_on_an_object_replaces_it(self) -> None:
        patch = {"spec": {"strategy": {"$patch": "replace", "type": "Recreate"}}}
        result = apply_strategic_patch(LIVE, patch, DEPLOYMENT)
        assert result["spec"]["strategy"] == {"type": "Recreate"}

    def test_delete_on_an_object_empties_it(self) -> None:
        patch = {"spec": {"strategy": {"$patch": "delete"}}}
        assert apply_strategic_patch(LIVE, patch, DEPLOYMENT)["spec"]["strategy"] == {}

    def test_delete_of_what_is_absent_adds_nothing(self) -> None:
        patch = {"spec": {"other": {"$patch": "delete"}}}
        assert apply_strategic_patch(LIVE, patch, DEPLOYMENT) == LIVE

    def test_replace_in_a_list_replaces_all_items(self) -> None:
        patch = containers_patch({"name": "only"}, {"$patch": "replace"})
        assert containers_of(apply_strategic_patch(LIVE, patch, DEPLOYMENT)) == [{"name": "only"}]

    def test_a_place_of_strategy_replace_is_replaced(self) -> None:
        live = {"spec": {"selector": {"matchLabels": {"a": "1", "b": "2"}}}}
        patch = {"spec": {"selector": {"matchLabels": {"a": "3"}}}}
        assert apply_strategic_patch(live, patch, DEPLOYMENT) == patch

    def test_primitive_lists_are_united(self) -> None:
        live = {"metadata": {"finalizers": ["a", "b"]}}
        patch = {"metadata": {"finalizers": ["b", "c"]}}
        result = apply_strategic_patch(live, patch, DEPLOYMENT)
        assert sorted(result["metadata"]["finalizers"]) == ["a", "b", "c"]

    def test_values_are_taken_out_of_a_primitive_list(self) -> None:
        live = {"metadata": {"finalizers": ["a", "b", "c"]}}
        patch = {
            "metadata": {
                "$deleteFromPrimitiveList/finalizers": ["b", "x"],
                "$setElementOrder/finalizers": ["c", "a"],
            }
        }
        result = apply_strategic_patch(live, patch, DEPLOYMENT)
        assert result == {"metadata": {"finalizers": ["c", "a"]}}

    def test_items_unknown_to_the_patch_keep_their_place(self) -> None:
        live = deployment({"name": "a"}, {"name": "injected"}, {"name": "b"})
        patch = containers_patch({"name": "c"}, order=["a", "b", "c"])
        result = apply_strategic_patch(live, patch, DEPLOYMENT)
        assert names(containers_of(result)) == ["a", "injected", "b", "c"]

    def test_null_list_is_removed_despite_an_order(self) -> None:
        patch = containers_patch(order=[])
        patch["spec"]["template"]["spec"]["containers"] = None
        result = apply_strategic_patch(LIVE, patch, DEPLOYMENT)
        assert "containers" not in result["spec"]["template"]["spec"]

    def test_directives_and_nulls_do_not_reach_a_new_subtree(self) -> None:
        patch = {
            "spec": {
                "extra": {
                    "keep": 1,
                    "gone": None,
                    "$retainKeys": ["keep"],
                    "$setElementOrder/x": [],
                }
            }
        }
        result = apply_strategic_patch(LIVE, patch, DEPLOYMENT)
        assert result["spec"]["extra"] == {"keep": 1}

    def test_ports_are_merged_by_number(self) -> None:
        live = deployment({"name": "web", "ports": [{"containerPort": 80, "name": "http"}]})
        patch = containers_patch({"name": "web", "ports": [{"containerPort": 80, "name": "www"}]})
        (web,) = containers_of(apply_strategic_patch(live, patch, DEPLOYMENT))
        assert web["ports"] == [{"containerPort": 80, "name": "www"}]


class TestRefusals:
    def refused(self, live: dict[str, Any], patch: Any) -> ApiError:
        with pytest.raises(ApiError) as caught:
            apply_strategic_patch(live, patch, DEPLOYMENT)
        return caught.value

    def test_an_item_needs_its_merge_key(self) -> None:
        error = self.refused(LIVE, containers_patch({"image": "x", "tty": True}))
        assert error.code == 400
        assert error.message == (
            "map: map[image:x tty:true] does not contain declared merge key: name"
        )

    def test_a_deleted_item_needs_its_merge_key(self) -> None:
        error = self.refused(LIVE, containers_patch({"$patch": "delete"}))
        assert error.message == (
            "map: map[$patch:delete] does not contain declared merge key: name"
        )

    def test_an_unknown_directive_is_named(self) -> None:
        error = self.refused(LIVE, {"spec": {"$patch": "explode"}})
        assert error.message == "unknown patch type: explode in map: map[$patch:explode]"

    def test_an_order_must_name_the_patched_items_in_order(self) -> None:
        patch = containers_patch({"name": "log"}, {"name": "web"}, order=["web", "log"])
        assert "doesn't match $setElementOrder list" in self.refused(LIVE, patch).message

    def test_retain_keys_must_list_what_the_patch_sets(self) -> None:
        patch = {"spec": {"strategy": {"$retainKeys": ["type"], "rollingUpdate": {"x": 1}}}}
        assert self.refused(LIVE, patch).code == 422

    @pytest.mark.parametrize(
        "patch",
        [
            [],
            {"spec": {"strategy": {"$retainKeys": "type"}}},
            {"metadata": {"$deleteFromPrimitiveList/finalizers": "a"}},
            {"metadata": {"$setElementOrder/finalizers": "a"}},
            {"metadata": {"finalizers": [["a"]]}},
            {"metadata": {"finalizers": [{"a": 1}, "b"]}},
            {"spec": {"template": {"spec": {"containers": ["web"]}}}},
            {"metadata": {"$deleteFromPrimitiveList/name": ["a"]}},
        ],
        ids=str,
    )
    def test_malformed_patches_are_refused(self, patch: Any) -> None:
        live = {**LIVE, "metadata": {"name": "web", "finalizers": ["a"]}}
        assert self.refused(live, patch).code in (400, 422)


_ITEMS = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abcdef")}, optional={"v": st.integers(0, 3)}),
    unique_by=lambda item: item["name"],
    max_size=6,
)
_LIST = of(items=merged_by("name"))


@given(live=_ITEMS, patch=_ITEMS)
def test_inputs_are_never_edited(live: list[dict[str, Any]], patch: list[dict[str, Any]]) -> None:
    doc, change = {"items": live, "other": {"a": 1}}, {"items": patch}
    before = copy.deepcopy((doc, change))
    result = apply_strategic_patch(doc, change, _LIST)
    assert (doc, change) == before
    assert result["other"] is doc["other"]


@given(live=_ITEMS, patch=_ITEMS)
def test_applying_a_patch_twice_is_applying_it_once(
    live: list[dict[str, Any]], patch: list[dict[str, Any]]
) -> None:
    once = apply_strategic_patch({"items": live}, {"items": patch}, _LIST)
    assert apply_strategic_patch(once, {"items": patch}, _LIST) == once


@given(live=_ITEMS, wanted=_ITEMS)
def test_a_patch_as_kubectl_makes_it_gives_the_wanted_list(
    live: list[dict[str, Any]], wanted: list[dict[str, Any]]
) -> None:
    wanted_names = set(names(wanted))
    deletions = [
        {"$patch": "delete", "name": item["name"]}
        for item in live
        if item["name"] not in wanted_names
    ]
    by_name = {item["name"]: item for item in live}
    changes = [
        {**dict.fromkeys(by_name.get(item["name"], {})), **item}
        for item in wanted
        if by_name.get(item["name"]) != item
    ]
    patch = {
        "$setElementOrder/items": [{"name": item["name"]} for item in wanted],
        "items": changes + deletions,
    }
    assert apply_strategic_patch({"items": live}, patch, _LIST)["items"] == wanted
