"""`debmill doctor`: looks at the site, its keys, its machine and its road; and repairs what cannot lose anything."""
