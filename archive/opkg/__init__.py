"""Feeds for opkg: a suite's binaries once more, as the clients of Yocto and OpenWrt read them."""
