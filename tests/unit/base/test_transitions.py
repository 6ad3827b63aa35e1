"""State machines as tables: rows and refusals."""

from enum import StrEnum

import pytest

from shoal.base.transitions import IllegalTransition, follow


class Door(StrEnum):
    OPEN = "Open"
    SHUT = "Shut"


class Push(StrEnum):
    SHUT = "shut"


ROWS = {(Door.OPEN, Push.SHUT): Door.SHUT}


def test_a_row_leads_to_the_state_after():
    assert follow(ROWS, Door.OPEN, Push.SHUT, "a door") is Door.SHUT


def test_what_has_no_row_is_refused_by_name():
    with pytest.raises(IllegalTransition, match=r"^door 4 is Shut: cannot shut$"):
        follow(ROWS, Door.SHUT, Push.SHUT, "door", "4")
