"""Print ranges of primary keys that cover the source, one a line, for `shoal work put`.

python ranges.py 2000
"""

import sys

from databases import connect

step = int(sys.argv[1])
with connect("SOURCE_URL") as source:
    row = source.execute("SELECT coalesce(max(id), 0) FROM orders").fetchone()
last = row[0] if row else 0
for first in range(1, last + 1, step):
    print(f"{first}-{min(first + step - 1, last)}")
