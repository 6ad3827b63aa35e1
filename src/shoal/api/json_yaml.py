"""YAML as manifests are written in: another notation for JSON.

What YAML knows and JSON does not is read as the real server and kubectl read it: a date stays the
text that was written, and a key is always text.
"""

import re
from collections.abc import Iterator
from typing import Any

import orjson
import yaml

_STREAM = re.compile('in "<[a-z ]+>", line')


class JsonYamlError(Exception):
    """The text is no YAML, or holds what JSON cannot; the message says what and where."""


class JsonYamlLoader(yaml.CSafeLoader):
    """Leaves dates alone."""


JsonYamlLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def documents(text: str | bytes) -> Iterator[Any]:
    """Every document, None for an empty one. Raises JsonYamlError."""
    try:
        for document in yaml.load_all(text, JsonYamlLoader):
            yield orjson.loads(orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS))
    except (yaml.YAMLError, TypeError, UnicodeDecodeError, RecursionError) as error:
        # The library calls every text "<byte string>"; what it is called the caller knows.
        text = _STREAM.sub("at line", " ".join(str(error).split()))
        raise JsonYamlError(text) from error


def document(text: str | bytes) -> Any:
    """The only document. Raises JsonYamlError."""
    found = list(documents(text))
    if len(found) > 1:
        raise JsonYamlError("expected a single document, found another one")
    return found[0] if found else None
