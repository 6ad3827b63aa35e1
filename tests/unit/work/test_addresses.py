"""No password leaves a URL."""

import pytest

from shoal.work.addresses import has_password, shown, without_secrets


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:geheim@db:5432/x", "postgresql://u:***@db:5432/x"),
        ("redis://:geheim@db/0", "redis://:***@db/0"),
        ("postgresql://u@db/x?password=geheim&sslmode=require", "postgresql://u@db/x?password=***&sslmode=require"),
        ("postgresql://u:p@geheim@db/x", "postgresql://u:***@db/x"),
        ("postgresql://u:geh%20eim@db/x#geheim", "postgresql://u:***@db/x"),
        ("redis://db/0", "redis://db/0"),
        ("sqlite:///data/a.db", "sqlite:///data/a.db"),
        ("postgresql://[geheim", "(no URL)"),
    ],
)  # fmt: skip
def test_what_is_shown_of_a_url_holds_no_secret(url: str, expected: str) -> None:
    assert shown(url) == expected


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("postgresql://u:geheim@db/x", True),
        ("postgresql://u@db/x?password=geheim", True),
        ("postgresql://u:@db/x", False),
        ("postgresql://u@db/x?sslmode=require", False),
        ("redis://db/0", False),
    ],
)
def test_a_url_with_a_password_is_told_from_others(url: str, answer: bool) -> None:
    assert has_password(url) is answer


def test_what_a_driver_quotes_of_a_password_is_hidden() -> None:
    url = "postgresql://u:geh%20eim@db/x"
    text = 'bad "geh%20eim"\n(geh eim).'
    assert without_secrets(text, url) == 'bad "***" (***)'
