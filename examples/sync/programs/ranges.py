"""Print ranges of primary keys, one a line, for `shoal work put`.

python ranges.py 200000 2000
"""

import sys

last, step = int(sys.argv[1]), int(sys.argv[2])
for first in range(1, last + 1, step):
    print(f"{first}-{min(first + step - 1, last)}")
