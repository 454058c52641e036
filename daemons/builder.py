"""A build daemon: takes the oldest job of the queues it serves, builds it, and says what came of it.

One build at a time; several daemons side by side are several slots. It publishes nothing: what was built waits as a
part for its source.
"""

from __future__ import annotations

import logging
from datetime import timedelta

PATIENCE = timedelta(minutes=1)  # before a job that the machine failed is tried again
log = logging.getLogger(__name__)
