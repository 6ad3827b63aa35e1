"""The spawner pays for every import hundreds of times, and has no site-packages."""

import json
import subprocess
import sys
from pathlib import Path

import shoal


def test_the_spawner_needs_the_standard_library_only() -> None:
    parent = str(Path(shoal.__file__).parents[1])
    script = (
        f"import sys, json; sys.path.insert(0, {parent!r}); "
        "import shoal.agent.runtime.shim.spawner; print(json.dumps(list(sys.modules)))"
    )
    outcome = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True
    )
    loaded = json.loads(outcome.stdout)
    assert not {"asyncio", "subprocess", "msgspec", "logging"}.intersection(loaded)
    of_ours = {name for name in loaded if name.startswith("shoal.agent.runtime.")}
    assert all(name.startswith("shoal.agent.runtime.shim") for name in of_ours)
