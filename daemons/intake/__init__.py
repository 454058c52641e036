"""The SFTP server that uploads arrive at; it knows files and accounts, nothing of Debian packages.

`server.serve` binds it. What a closed file means is said by the `Judge` it is given, who may log in by `find_keys`.
"""
