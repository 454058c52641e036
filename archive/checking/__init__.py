"""What `debmill doctor` looks at in the archive: findings as values, found by reading alone."""
