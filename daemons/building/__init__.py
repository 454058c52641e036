"""Clean build environments and what is done in them; it knows no queue and no site.

`base` keeps unpacked Debian systems, `overlay` makes a fresh root over one of them, `build` builds one job there.
"""
