"""What travels and how it moves: values, names, durable writes, spool, claims, recovery, watching, journal."""
