"""The evidence daemon: looks into what waits for review, in a sandbox, before anybody decides."""
