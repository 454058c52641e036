from __future__ import annotations

import pytest

from queues.values import Suite
from review.inspection import dsc
from review.inspection.architectures import plan
from review.refusal import Refusal

SUITE = Suite("demo", architectures=("amd64", "i386", "arm64"))
SHA = "0" * 64


def source(architecture: str, *packages: str) -> dsc.Dsc:
    listed = "".join(f" {package}\n" for package in packages)
    text = (
        f"Format: 3.0 (native)\nSource: tiny\nVersion: 1\nArchitecture: {architecture}\nBinary: tiny\n"
        + (f"Package-List:\n{listed}" if listed else "")
        + f"Checksums-Sha256:\n {SHA} 1 tiny_1.tar.xz\nFiles:\n {'0' * 32} 1 tiny_1.tar.xz\n"
    )
    return dsc.read(text.encode(), "tiny_1.dsc")


@pytest.mark.parametrize(
    ("architecture", "packages", "planned"),
    [
        ("any", ("tiny deb misc optional arch=any",), ("amd64", "i386", "arm64")),
        (
            "any all",
            ("tiny deb misc optional arch=any", "doc deb doc optional arch=all"),
            ("amd64", "i386", "arm64", "all"),
        ),
        ("all", ("doc deb doc optional arch=all",), ("all",)),
        ("any-i386", ("tiny deb misc optional arch=any-i386",), ("i386",)),
        ("linux-any", ("tiny deb misc optional arch=linux-any",), ("amd64", "i386", "arm64")),
        ("amd64 riscv64", ("tiny deb misc optional arch=amd64,riscv64",), ("amd64",)),
        ("any", (), ("amd64", "i386", "arm64")),
        ("amd64 all", ("tiny deb misc optional",), ("amd64", "all")),
    ],
)
def test_the_plan(architecture: str, packages: tuple[str, ...], planned: tuple[str, ...]) -> None:
    assert plan(source(architecture, *packages), SUITE) == planned


@pytest.mark.parametrize("architecture", ["riscv64", "kfreebsd-any", "hurd-i386"])
def test_nothing_to_build_is_refused_and_never_an_empty_plan(architecture: str) -> None:
    with pytest.raises(Refusal, match="nothing to build"):
        plan(source(architecture, f"tiny deb misc optional arch={architecture}"), SUITE)
