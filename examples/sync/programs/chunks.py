"""Copy ranges of orders that come from a work queue. An upsert may be done twice: a range that
another pod had begun is simply copied again.
"""

import os
import time

from databases import connect

from shoal.worker import work

PAUSE_S = float(os.environ.get("PAUSE_SECONDS", "0"))
UPSERT = """
    INSERT INTO orders (id, customer, amount, updated_at) VALUES (%s, %s, %s, %s)
    ON CONFLICT (id) DO UPDATE
    SET customer = excluded.customer, amount = excluded.amount, updated_at = excluded.updated_at
"""

with connect("SOURCE_URL") as source, connect("TARGET_URL") as target:
    for item in work():
        first, last = item.body.split("-")
        rows = source.execute(
            "SELECT id, customer, amount, updated_at FROM orders WHERE id BETWEEN %s AND %s",
            (first, last),
        ).fetchall()
        target.cursor().executemany(UPSERT, rows)
        target.commit()
        print(f"orders {item.body} copied, delivery {item.attempt}", flush=True)
        time.sleep(PAUSE_S)
