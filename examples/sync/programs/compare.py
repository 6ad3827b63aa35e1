"""Print how many orders both sides have, and a checksum over all of them; exit code 1 where they
differ. With a number of seconds it waits so long for them to become equal.

    python compare.py 30
"""

import sys
import time

from databases import connect

CHECKSUM = """
    SELECT count(*), md5(coalesce(string_agg(md5(o::text), '' ORDER BY id), ''))
    FROM (SELECT id, customer, amount, updated_at FROM orders) o
"""


def look() -> tuple[object, object]:
    with connect("SOURCE_URL") as source, connect("TARGET_URL") as target:
        return source.execute(CHECKSUM).fetchone(), target.execute(CHECKSUM).fetchone()


deadline = time.monotonic() + float(sys.argv[1] if len(sys.argv) > 1 else "0")
source_has, target_has = look()
while source_has != target_has and time.monotonic() < deadline:
    time.sleep(0.5)
    source_has, target_has = look()
for side, (count, checksum) in (("source", source_has), ("target", target_has)):
    print(f"{side}: {count} orders, checksum {checksum}")
sys.exit(0 if source_has == target_has else 1)
