"""Layers over a base: package lists and installed build dependencies, kept, found by a key, and let go."""
