"""Questions about whole columns, several times as quick as NumPy's `any` and `all` are on short
ones."""

from shoal.scheduler.state.node_table import BoolArray, IntArray


def has_any(mask: BoolArray) -> bool:
    """Whether any is True."""
    # The place of the first True, if there is one, is found without the overhead of a reduction.
    return mask.size > 0 and mask.item(mask.argmax())


def has_all(column: IntArray | BoolArray) -> bool:
    """Whether there are some, and all are True or above zero."""
    return column.size > 0 and column.item(column.argmin()) > 0
