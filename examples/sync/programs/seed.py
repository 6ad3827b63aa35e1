"""Make the table `orders` in both databases, and fill that of the source.

python seed.py 200000
"""

import sys

from databases import connect

TABLE = """
    CREATE TABLE IF NOT EXISTS orders (
        id bigint PRIMARY KEY,
        customer text NOT NULL,
        amount numeric(12, 2) NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    CREATE INDEX IF NOT EXISTS orders_by_change ON orders (updated_at, id);
"""
POSITION = """
    CREATE TABLE IF NOT EXISTS sync_position (
        name text PRIMARY KEY, updated_at timestamptz NOT NULL, id bigint NOT NULL
    );
"""


def main(rows: int) -> None:
    with connect("SOURCE_URL") as source, connect("TARGET_URL") as target:
        source.execute(TABLE)
        target.execute(TABLE + POSITION)
        source.execute(
            "INSERT INTO orders (id, customer, amount)"
            " SELECT n, 'customer ' || n %% 1000, (n * 7919 %% 100000) / 100.0"
            " FROM generate_series(1, %s) n ON CONFLICT DO NOTHING",
            (rows,),
        )
    print(f"the source holds {rows} orders")


main(int(sys.argv[1]))
