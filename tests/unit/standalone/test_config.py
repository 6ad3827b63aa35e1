"""What `shoal.yaml` may say, and sentences for what it may not."""

from pathlib import Path

import pytest

from shoal.standalone.config import (
    ConfigError,
    PlotoSection,
    Settings,
    load,
    parse_resources,
)


def read(config_file: Path | None) -> Settings:
    return load(
        data_dir=Path("/data"),
        port=6443,
        runtime="auto",
        config_file=config_file,
        kubeconfig=None,
        nodes=1,
        node_resources="",
    )


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "shoal.yaml"
        path.write_text(text)
        return path

    return write


def test_nothing_is_on_without_a_file_or_with_an_empty_one(written) -> None:
    for config_file in (None, written("")):
        settings = read(config_file)
        assert settings.images == ()
        assert settings.ploto == PlotoSection()


def test_the_sections_of_the_file_are_read(written, tmp_path: Path) -> None:
    text = """
    images:
      - {match: "work:*", command: [python3], args: [-V], env: {A: b}}
    ploto: {healthPort: 9200, metricsPort: 9100, archive: done.jsonl, archiveAfterSeconds: 60}
    """
    settings = read(written(text))
    (image,) = settings.images
    assert (image.match, image.command, image.args, image.env) == (
        "work:*", ["python3"], ["-V"], {"A": "b"},
    )  # fmt: skip
    ploto = settings.ploto
    assert (ploto.health_port, ploto.metrics_port, ploto.archive_after_s) == (9200, 9100, 60)
    assert ploto.archive == tmp_path / "done.jsonl", "relative to the file that names it"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ploto: {port: 1}", "Object contains unknown field `port` - at `$.ploto`"),
        ("ploto: {healthPort: 0}", "Expected `int` >= 1 - at `$.ploto.healthPort`"),
        (
            "ploto: {healthPort: 9000, metricsPort: 9000}",
            "`healthPort` and `metricsPort` must differ - at `$.ploto`",
        ),
        (
            "scheduler: {pluginTimeoutSeconds: 0}",
            "Expected `float` > 0.0 - at `$.scheduler.pluginTimeoutSeconds`",
        ),
        ("ploto: {archive: 7}", "Expected `str`, got `int` - at `$.ploto.archive`"),
        (
            "ploto: {archiveAfterSeconds: 7}",
            "`archiveAfterSeconds` needs an `archive` - at `$.ploto`",
        ),
        (
            "ploto: {archive: /nowhere/at/all.jsonl}",
            "the folder of ploto.archive, /nowhere/at, does not exist",
        ),
        ("images: [{command: [a]}]", "Object missing required field `match` - at `$.images[0]`"),
        (
            "network: {subnet: 127.0.0.0/16}",
            "`subnet` 127.0.0.0/16 cannot be a bridge's; use such as 10.200.0.0/16"
            " - at `$.network`",
        ),
        ("images: 5", "Expected `array`, got `int` - at `$.images`"),
        ("[]", "Expected `object`, got `array`"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(written, text: str, sentence: str) -> None:
    path = written(text)
    with pytest.raises(ConfigError) as refusal:
        read(path)
    assert str(refusal.value) == f"{path}: {sentence}"


def test_the_reference_s_example_can_be_used(written) -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "shoal-yaml.md").read_text()
    example = page.partition("```yaml\n")[2].partition("```")[0]
    settings = read(written(example))
    assert len(settings.images) == 2
    assert settings.ploto.archive_after_s == 3600
    assert settings.volcano.scheduler_names == ("volcano",)


def test_broken_yaml_and_missing_files_are_named(written, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not valid YAML"):
        read(written("images: ["))
    with pytest.raises(ConfigError, match="does not exist"):
        read(tmp_path / "nowhere.yaml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("resources", "sentence"),
    [
        ("cpu", '"cpu" is not NAME=QUANTITY'),
        ("cpu=lots", '"lots" is no amount of cpu, such as 4 or 8Gi'),
        ("cpu=-4", 'cpu: Invalid value: "-4": must be greater than or equal to 0'),
        ("nvidia.com/gpu=1.5", 'nvidia.com/gpu: Invalid value: "1.5": must be an integer'),
        ("two words=1", '"two words" is no name of a resource: name part must consist of'),
    ],
)
def test_resources_that_no_node_can_have_are_refused(resources: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse_resources(resources)
    assert str(refusal.value).startswith(f"--node-resources: {sentence}")


def test_resources_are_read_as_they_are_written() -> None:
    read_resources = parse_resources("cpu=4, memory=8Gi,nvidia.com/gpu=2,")
    assert read_resources == {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "2"}
