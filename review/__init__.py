"""Judgement: what an upload must be to be taken, and what a reviewer decides about it."""
