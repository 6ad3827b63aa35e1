"""Copy ranges of orders that come from a work queue. An upsert may be done twice: a range that
another pod had begun is simply copied again.
"""

import os
import time

from databases import connect

from shoal.worker import work

PAUSE_S = float(os.environ.get("PAUSE_SECONDS", "0"))
"""After each range: time to watch, or to break something."""
UPSERT = """
    INSERT INTO orders (id, customer, amount, updated_at) VALUES (%s, %s, %s, %s)
    ON CONFLICT (id) DO UPDATE
    SET customer = excluded.customer, amount = excluded.amount, updated_at = excluded.updated_at
"""


def copy(first: str, last: str) -> None:
    with connect("SOURCE_URL") as source, connect("TARGET_URL") as target:
        rows = source.execute(
            "SELECT id, customer, amount, updated_at FROM orders WHERE id BETWEEN %s AND %s",
            (first, last),
        ).fetchall()
        target.cursor().executemany(UPSERT, rows)


for item in work():
    # A range that fails, because a server goes away, is given back and comes again.
    with item:
        copy(*item.body.split("-"))
        print(f"orders {item.body} copied, delivery {item.attempt}", flush=True)
    time.sleep(PAUSE_S)
