"""Defaults, sample and reading come from one table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from daemons import configuring, samples, settings
from daemons.settings import Settings, WrongSettings
from queues.values import Suite
from review.policy.values import Policy


def test_the_sample_read_back_is_the_defaults() -> None:
    suites = {"stable": Suite("stable")}

    assert configuring.parse(samples.sample(suites)) == Settings(suites=suites)


def test_every_line_of_the_sample_that_is_commented_out_is_the_default() -> None:
    suites = {"stable": Suite("stable")}
    uncommented = re.sub(r"(?m)^# (\w+ = )", r"\1", samples.sample(suites))

    assert configuring.parse(uncommented) == Settings(suites=suites)


def test_a_changed_setting_stands_in_the_sample() -> None:
    changed = Settings(intake=settings.Intake(listen="127.0.0.1:0"), mail=settings.Mail(smtp="localhost:25"))

    assert configuring.parse(samples.sample({}, changed)) == changed


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[intak]\n", "intak"),
        ("[suites.x]\ngate = 'open'\n", "open"),
        ("[build]\nslots = 0\n", "slots"),
        ("[suites.a]\n[build]\nserves = [['sparc']]\n", "no suite is built for 'sparc'"),
        ("[suites.a]\n[build]\nslots = 1\nserves = [['amd64']]\n", "no slot serves 'all'"),
        ("[build\n", "line 1"),
        ("[suites.a]\n[policies.a]\naccept_uploaders = ['@friends']\n", "no group 'friends'"),
        ("[suites.a]\n[suites.b]\naliases = ['a']\n", "published as 'a-debug'"),
        ("[suites.a]\ncodename = 'b-debug'\n[suites.b]\n", "published as 'b-debug'"),
    ],
)
def test_wrong_settings_name_the_file_and_the_setting(tmp_path: Path, text: str, word: str) -> None:
    (tmp_path / "debmill.toml").write_text(text)
    with pytest.raises(WrongSettings) as caught:
        configuring.read(tmp_path / "debmill.toml")

    assert word in str(caught.value)
    assert "debmill.toml" in str(caught.value)


def test_no_site_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(WrongSettings, match="debmill init"):
        configuring.read(tmp_path / "debmill.toml")


def test_the_cores_are_shared_out_among_the_builds_that_may_run() -> None:
    def parallel(**rules: int) -> int:
        return settings.Build(**rules).parallel_on(8)

    assert [parallel(slots=2), parallel(slots=64), parallel(slots=2, host_slots=4), parallel(parallel=3)] == [
        4,
        1,
        2,
        3,
    ]


def test_a_policy_that_names_a_group_means_the_uploaders_in_it() -> None:
    suites, policy = {"stable": Suite("stable")}, Policy(auto_accept="no-warnings", accept_uploaders=("ulla", "@core"))
    changed = Settings(suites, groups={"core": ("otto", "rita")}, policies={"stable": policy})

    assert configuring.parse(samples.sample(suites, changed)) == changed
    assert {"ulla", "otto", "rita"} <= {*changed.policy("stable").accept_uploaders}
    assert changed.policy("other") == Policy()


def test_what_a_slot_serves_stands_in_the_sample() -> None:
    suites = {"stable": Suite("stable", architectures=("amd64", "arm64"))}
    changed = Settings(suites, build=settings.Build(serves=(("amd64", "all"), ())))

    assert configuring.parse(samples.sample(suites, changed)) == changed
    assert [changed.build.served_by(slot) for slot in ("1", "2", "3", "arm")] == [("amd64", "all"), (), (), ()]
