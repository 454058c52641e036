"""One build of one job: its phases, its log, and what becomes of it."""
