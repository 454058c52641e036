"""Bases: what Debian's mirror gives, made by mmdebstrap, unpacked, kept by digest, made anew with age."""
