"""YAML text to the JSON that manifests mean."""

import pytest

from shoal.api.json_yaml import JsonYamlError, document, documents


def test_dates_stay_text_and_keys_become_text() -> None:
    text = "{day: 2020-01-01, time: 2020-01-01T00:00:00Z, 1: one, no: yes}"
    assert document(text) == {
        "day": "2020-01-01", "time": "2020-01-01T00:00:00Z", "1": "one", "false": True,
    }  # fmt: skip


def test_documents_come_in_order_with_none_for_empty_ones() -> None:
    assert list(documents("a: 1\n---\n---\n[2]\n")) == [{"a": 1}, None, [2]]
    assert document("") is None


@pytest.mark.parametrize(
    "text",
    [
        "a: [b",
        "a: b: c",
        b"\xff\xfe\x00",
        "a: !!python/object:os.system {}",
        "a: !!binary aGVsbG8=",
        "a: !!set {b, c}",
        "a: &x [*x]",
        "a: 99999999999999999999999999",
        "\0",
    ],
)
def test_what_json_cannot_hold_is_refused_in_one_line(text: str | bytes) -> None:
    with pytest.raises(JsonYamlError) as refused:
        document(text)
    assert "\n" not in str(refused.value) and str(refused.value)


@pytest.mark.parametrize("text", ["a: 1\nb: [", b"a: 1\nb: ["])
def test_what_is_wrong_is_told_with_its_line_alone(text: str | bytes) -> None:
    with pytest.raises(JsonYamlError, match=r" at line \d, column") as refused:
        document(text)
    assert " string>" not in str(refused.value)


def test_a_single_document_is_not_two() -> None:
    with pytest.raises(JsonYamlError, match="expected a single document"):
        document("a: 1\n---\nb: 2\n")
