"""The published truth: OpenPGP, pool, catalogue, indices, snapshots, inclusion."""
