"""The same builds by sbuild."""
