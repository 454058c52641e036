"""Evidence: what a reviewer wants to know of an upload, gathered once, kept beside the entry, read by many."""
