"""Run the steps of the demo with the Python in which debmill is installed; etc/demo starts it."""

import sys
from pathlib import Path

# Behind what is installed: the service account can read that, and perhaps not the clone.
sys.path[:] = [*sys.path[1:], str(Path(__file__).resolve().parents[2])]

from etc.demonstration.stage import perform  # noqa: E402 -- the clone is on the path only now

sys.exit(perform(sys.argv[1:]))
