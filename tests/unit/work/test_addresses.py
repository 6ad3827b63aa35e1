"""No password leaves a URL."""

import pytest

from shoal.work.addresses import has_password, shown, without_secrets

UNREADABLE = "(unreadable URL)"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:geheim@db:5432/x", "postgresql://db"),
        ("redis://:geheim@db/0", "redis://db"),
        ("postgresql://u@a:1,[::1]:2/x?password=geheim&sslmode=require", "postgresql://a,[::1]"),
        ("postgresql://%2Fvar%2Frun/x", "postgresql:///var/run"),
        ("rediss://db", "rediss://db"),
        ("sqlite:///data/a@b.db", "sqlite:///data/a@b.db"),
        ("postgresql://u:p@geheim@db/x", UNREADABLE),
        ("postgresql://u:geh%20eim@db/x#geheim", UNREADABLE),
        ("postgresql://[geheim", UNREADABLE),
        ("postgresql://u:12345/6@db/x", UNREADABLE),
        ("redis://u:geheim", UNREADABLE),
        ("redis://u%3Ageheim%40db", UNREADABLE),
        ("postgresql://u@db/x?password=geheim=x", UNREADABLE),
        ("postgresql:u:geheim@db", UNREADABLE),
        ("'postgresql://u:geheim@db/x'", UNREADABLE),
        ("host=db password=geheim", UNREADABLE),
        ("redis://:ge\theim@db", UNREADABLE),
        ("redis://:ge\udcffheim@db", UNREADABLE),
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
        ("postgresql://db/x?passfile=/srv/pass", False),
    ],
)
def test_a_url_with_a_password_is_told_from_others(url: str, answer: bool) -> None:
    assert has_password(url) is answer


def test_what_a_driver_quotes_of_a_password_is_hidden() -> None:
    url = "postgresql://u:geh%20eim@db/x"
    text = 'bad "geh%20eim"\n(geh eim).'
    assert without_secrets(text, url) == 'bad "***" (***)'


def test_what_follows_a_password_in_a_query_may_be_a_part_of_it() -> None:
    url = "postgresql://u@db/x?sslmode=require&password=geh&e%69m=1x"
    assert (
        without_secrets('sslmode "geh" "e%69m" "eim" "1x"', url)
        == 'sslmode "***" "***" "***" "***"'
    )
