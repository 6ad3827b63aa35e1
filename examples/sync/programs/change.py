"""Change orders of the source while they are being followed: one in ten, and some new ones.

python change.py 200000
"""

import sys

from databases import connect

rows = int(sys.argv[1])
with connect("SOURCE_URL") as source:
    changed = source.execute(
        "UPDATE orders SET amount = amount + 1, updated_at = clock_timestamp() WHERE id % 10 = 3"
    ).rowcount
    source.execute(
        "INSERT INTO orders (id, customer, amount)"
        " SELECT n, 'late customer', 1 FROM generate_series(%s::bigint, %s) n"
        " ON CONFLICT DO NOTHING",
        (rows + 1, rows + 1_000),
    )
print(f"{changed} orders changed, 1000 added")
