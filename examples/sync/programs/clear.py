"""Empty the target's table."""

from databases import connect

with connect("TARGET_URL") as target:
    target.execute("TRUNCATE orders")
print("the target is empty")
