"""Environments for a person: held until they are stopped, or made again as a build found them."""
