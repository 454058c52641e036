"""What stays of the archive: snapshots compared, listed, pinned, thinned, gone back to; files that nobody names."""
