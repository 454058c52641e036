"""Inspection of an upload: facts in, a description of the upload or a refusal out."""
