"""Manifest files as `shoal apply` reads them."""

from pathlib import Path

import pytest

from shoal.cli import manifests
from shoal.cli.output import CliError

CONFIG_MAP = "{apiVersion: v1, kind: ConfigMap, metadata: {name: %s}}\n"


def test_folders_are_read_by_name_and_lists_taken_apart(tmp_path: Path) -> None:
    (tmp_path / "2.yml").write_text(CONFIG_MAP % "c" + "---\n---\n" + CONFIG_MAP % "d")
    (tmp_path / "1.json").write_text(
        '{"apiVersion": "v1", "kind": "List", "items": ['
        '{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "namespace": "n"}},'
        '{"apiVersion": "apps/v1", "kind": "Deployment"}]}'
    )
    (tmp_path / "notes.txt").write_text("not a manifest")
    read = manifests.read([str(tmp_path)])
    assert [(each.api_version, each.kind, each.namespace, each.name) for each in read] == [
        ("v1", "Secret", "n", "a"),
        ("apps/v1", "Deployment", "", ""),
        ("v1", "ConfigMap", "", "c"),
        ("v1", "ConfigMap", "", "d"),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"a: [", "is not valid YAML"),
        (b"\xff\xfe\x00", "is not valid YAML"),
        (b"[1, 2]", "holds a list where an object should be"),
        (b"kind: Pod", "holds an object without apiVersion; add it"),
        (b"apiVersion: v1", "holds an object without kind; add it"),
        (b"{apiVersion: v1, kind: Pod, metadata: []}", "holds a list as metadata where an object"),
        (
            b"{apiVersion: v1, kind: Pod, metadata: {annotations: text}}",
            "holds a str as metadata.annotations where an object",
        ),
    ],
)
def test_a_file_that_is_no_manifest_is_named(tmp_path: Path, text: bytes, sentence: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_bytes(text)
    with pytest.raises(CliError) as refused:
        manifests.read([str(file)])
    assert str(refused.value).startswith(f"{file} ")
    assert sentence in str(refused.value)


def test_a_path_that_is_not_there_is_named() -> None:
    with pytest.raises(CliError, match='the path "/nowhere" does not exist'):
        manifests.read(["/nowhere"])
