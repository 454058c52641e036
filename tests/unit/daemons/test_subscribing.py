"""What users of a suite are told to write down."""

from __future__ import annotations

import pytest
from msgspec import ValidationError

from daemons import configuring
from daemons.telling.subscribing import Subscription, printed, subscription
from queues.values import Suite

KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDME\n-----END PGP PUBLIC KEY BLOCK-----\n"
URL = "https://archive.example.org"


def told(suite: Suite) -> Subscription:
    return subscription(suite, URL, KEY, "1234567890abcdef")


def test_apts_stanza_carries_the_key() -> None:
    assert told(Suite("stable", components=("main", "contrib"))).apt == (
        "Types: deb deb-src\nURIs: https://archive.example.org\nSuites: stable\nComponents: main contrib\nSigned-By:\n"
        " -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDME\n -----END PGP PUBLIC KEY BLOCK-----\n"
    )


def test_a_suite_without_feeds_tells_of_none() -> None:
    found = told(Suite("stable"))
    assert found.opkg == {}
    assert "opkg" not in printed(found)


def test_opkgs_lines_name_every_component_and_the_clients_architectures() -> None:
    suite = Suite("stable", components=("main", "contrib"), opkg="ipk", opkg_architectures=("amd64=x86_64",))
    lines = told(suite).opkg["amd64"].splitlines()
    assert lines[:4] == [
        "arch all 1",
        "arch x86_64 10",
        "src/gz stable_main https://archive.example.org/opkg/stable/main/amd64",
        "src/gz stable_contrib https://archive.example.org/opkg/stable/contrib/amd64",
    ]
    assert {"option check_signature 1", "option signature_type gpg-asc"} <= {*lines}
    assert any("/etc/opkg/keys/1234567890abcdef" in line for line in lines)
    assert "/etc/opkg/stable.conf   (amd64)" in printed(told(suite))


def test_feeds_of_debs_are_not_offered_to_openwrts_users() -> None:
    text = told(Suite("stable", opkg="deb")).opkg["amd64"]
    assert "/etc/opkg/keys" not in text
    assert "Not for OpenWrt" in text


@pytest.mark.parametrize("line", ['opkg = "apk"', 'opkg_architectures = ["amd64"]', 'opkg_paths = "../"'])
def test_a_setting_that_means_nothing_is_refused(line: str) -> None:
    with pytest.raises(ValidationError, match="opkg"):
        configuring.parse(f"[suites.stable]\n{line}\n")
