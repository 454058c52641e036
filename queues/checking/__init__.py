"""What `debmill doctor` looks at in the queues: findings as values, found by reading alone."""
