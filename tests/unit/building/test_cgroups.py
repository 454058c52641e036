"""Where control groups are found and divided; those of version 2 are pretended, for few machines have both."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemons.building.roots import cgroups
from daemons.building.roots.cgroups import Hierarchy, hierarchies


def laid(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("cpu io memory pids\n" if file.name == "cgroup.controllers" else "")


def test_each_hierarchy_is_found_with_what_we_use_of_it(tmp_path: Path) -> None:
    (tmp_path / "cpu,cpuacct/a").mkdir(parents=True)
    (tmp_path / "memory").mkdir()
    (tmp_path / "freezer").mkdir()
    said = "4:memory:/\n3:freezer:/\n2:cpu,cpuacct:/a\n1:name=systemd:/x\n0::/\n"
    assert hierarchies(said, tmp_path) == [
        Hierarchy(("memory",), tmp_path / "memory", at_root=True),
        Hierarchy(("cpu",), tmp_path / "cpu,cpuacct/a"),
    ]


def test_a_unit_goes_into_a_leaf_of_its_part_and_may_then_divide_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = tmp_path / "debmill.slice/unit.service"
    laid(tmp_path / cgroups.MEMBERS, unit / cgroups.MEMBERS, unit / cgroups.ENABLED, unit / "cgroup.controllers")
    (found,) = hierarchies("0::/debmill.slice/unit.service\n", tmp_path)
    assert found == Hierarchy(("cpu", "memory", "pids"), unit)
    monkeypatch.setattr(cgroups, "hierarchies", lambda: [found])
    cgroups.settle()
    assert (unit / cgroups.ENABLED).read_text() == "+cpu +memory +pids"
    assert (unit / "daemons" / cgroups.MEMBERS).read_text() == "0"

    monkeypatch.setattr(cgroups, "hierarchies", lambda: [Hierarchy(found.controllers, unit / "daemons")])
    group = cgroups.make()
    (path,) = [path for path in unit.iterdir() if path.is_dir() and path.name != "daemons"]
    laid(path / "memory.max", path / "pids.max")
    group.limit(1 << 20, 10)
    assert ((path / "memory.max").read_text(), (path / "pids.max").read_text()) == ("1048576", "10")
    for count, killed in ((0, False), (1, True)):
        (path / "memory.events").write_text(f"low 0\noom 3\noom_kill {count}\n")
        assert group.ran_out_of_memory() is killed
