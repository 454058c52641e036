"""One fresh root over a base: its namespaces, its process 1, what runs in it, and what that may use."""
