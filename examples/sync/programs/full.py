"""Copy all orders, from the first to the last. It saves no position: a run that breaks off leaves
a part of the table behind, which `clear.py` removes before the next run.
"""

import os
import time

from databases import connect

BATCH = 2_000
PAUSE_S = float(os.environ.get("PAUSE_SECONDS", "0"))
"""Between two batches: time to watch, or to break it off."""

with connect("SOURCE_URL") as source, connect("TARGET_URL") as target:
    orders = source.cursor("all_orders")
    orders.execute("SELECT id, customer, amount, updated_at FROM orders ORDER BY id")
    copied = 0
    while rows := orders.fetchmany(BATCH):
        into = "COPY orders (id, customer, amount, updated_at) FROM STDIN"
        with target.cursor().copy(into) as copy:
            for row in rows:
                copy.write_row(row)
        target.commit()
        copied += len(rows)
        print(f"{copied} orders copied", flush=True)
        time.sleep(PAUSE_S)
