"""A daemon as a process: its skeleton and signals, what it says of itself, and who keeps it running."""
