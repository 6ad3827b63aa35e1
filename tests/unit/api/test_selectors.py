"""The grammar of label and field selectors."""

import msgspec
import pytest

from shoal.api import selectors
from shoal.api.meta import LabelSelector

LABELS = {"app": "web", "tier": "front", "n": "5"}


@pytest.mark.parametrize(
    ("text", "is_match"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier!=back", True),
        ("app in (api, web)", True),
        ("app notin (api,web)", False),
        ("missing notin (a)", True),
        ("missing!=a", True),
        ("app", True),
        ("!app", False),
        ("! missing", True),
        ("n>4,n<6", True),
        ("n>5", False),
        ("app=", False),
        ("example.com/x=y", False),
    ],
)
def test_label_selectors_match_as_kubernetes_does(text, is_match):
    assert selectors.parse_labels(text).matches(LABELS) is is_match


@pytest.mark.parametrize("text", ["=web", "app in web", "app in (a", "a=b c=d", "app,,", "!"])
def test_malformed_label_selectors_are_refused(text):
    with pytest.raises(selectors.SelectorError):
        selectors.parse_labels(text)


def test_no_label_selector_selects_nothing_and_an_empty_one_everything():
    assert selectors.from_label_selector(None) is None
    everything = selectors.from_label_selector(LabelSelector())
    assert everything is not None
    assert everything.matches({})


def test_expressions_and_labels_must_all_match():
    selector = selectors.from_label_selector(
        msgspec.convert(
            {
                "matchLabels": {"app": "web"},
                "matchExpressions": [{"key": "tier", "operator": "In", "values": ["front"]}],
            },
            LabelSelector,
        )
    )
    assert selector is not None
    assert selector.matches(LABELS)
    assert not selector.matches({"app": "web"})


def test_field_selectors_know_negation_and_escapes():
    parsed = selectors.parse_fields(r"status.phase!=Running,metadata.name=a\,b")
    assert [(r.path, r.value, r.is_negated) for r in parsed] == [
        ("status.phase", "Running", True),
        ("metadata.name", "a,b", False),
    ]
    values = {"status.phase": "Pending", "metadata.name": "a,b"}
    assert all(r.matches(values[r.path]) for r in parsed)


def test_a_field_selector_without_operator_is_refused():
    with pytest.raises(selectors.SelectorError, match="can't understand 'nonsense'"):
        selectors.parse_fields("nonsense")
