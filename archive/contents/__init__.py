"""Contents-ARCH: which file is in which package, for apt-file."""
