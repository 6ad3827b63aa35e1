"""Follow the source for ever: orders whose `updated_at` is newer than the saved position are
copied. Rows and position are committed together, so a restart neither skips nor repeats a change.

The column is set when a row is written and seen when its transaction ends: changes younger than
LAG are left for the next look, so that a slow transaction is not passed by.
"""

import signal
import time

from databases import connect

BATCH = 1_000
LAG = "200 milliseconds"
POLL_S = 0.2
CHANGES = f"""
    SELECT id, customer, amount, updated_at FROM orders
    WHERE (updated_at, id) > (%s, %s) AND updated_at < clock_timestamp() - interval '{LAG}'
    ORDER BY updated_at, id LIMIT {BATCH}
"""
UPSERT = """
    INSERT INTO orders (id, customer, amount, updated_at) VALUES (%s, %s, %s, %s)
    ON CONFLICT (id) DO UPDATE
    SET customer = excluded.customer, amount = excluded.amount, updated_at = excluded.updated_at
"""
SAVE = """
    INSERT INTO sync_position (name, updated_at, id) VALUES ('orders', %s, %s)
    ON CONFLICT (name) DO UPDATE SET updated_at = excluded.updated_at, id = excluded.id
"""

is_stopping = False


def stop(*_: object) -> None:
    global is_stopping
    is_stopping = True


signal.signal(signal.SIGTERM, stop)
with connect("SOURCE_URL") as source, connect("TARGET_URL") as target:
    source.autocommit = True
    position = target.execute(
        "SELECT updated_at, id FROM sync_position WHERE name = 'orders'"
    ).fetchone() or ("-infinity", 0)
    target.commit()
    print(f"following from {position[0]}", flush=True)
    while not is_stopping:
        rows = source.execute(CHANGES, position).fetchall()
        if not rows:
            time.sleep(POLL_S)
            continue
        target.cursor().executemany(UPSERT, rows)
        position = (rows[-1][3], rows[-1][0])
        target.execute(SAVE, position)
        target.commit()
        print(f"{len(rows)} changes, now at {position[0]}", flush=True)
print("stopped; the next start goes on from here", flush=True)
