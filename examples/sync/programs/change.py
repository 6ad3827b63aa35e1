"""Change orders of the source while they are being followed: one in ten, and some new ones."""

from databases import connect

with connect("SOURCE_URL") as source:
    changed = source.execute(
        "UPDATE orders SET amount = amount + 1, updated_at = clock_timestamp() WHERE id % 10 = 3"
    ).rowcount
    added = source.execute(
        "INSERT INTO orders (id, customer, amount)"
        " SELECT last + n, 'late customer', 1"
        " FROM (SELECT max(id) AS last FROM orders) o, generate_series(1, 1000) n"
    ).rowcount
print(f"{changed} orders changed, {added} added")
