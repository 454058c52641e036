"""In which order the builds of a set begin: each behind what it wants of the others, and nobody waits for ever."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from daemons.deciding.ordering import State, Task, blockers
from queues.names import part_key
from tests.support.entries import upload

SOURCES = ("one", "two", "three", "four")


def task(source: str, wants: str = "", architecture: str = "amd64", state: State = "open", makes: str = "") -> Task:
    key = upload(source, "1").key
    made, wanted = frozenset((makes or source).split()), frozenset(wants.split())
    return Task(part_key(key, architecture), key, architecture, made, wanted, ("amd64", "all"), state)


def waits(tasks: list[Task]) -> dict[str, list[str]]:
    """Name, for each that waits, for whom."""
    found = {one.key: [other.key.partition("_")[0] for other in blockers(one.key, tasks)] for one in tasks}
    return {key.partition("_")[0]: names for key, names in found.items() if names}


def test_a_build_waits_for_who_makes_what_it_wants() -> None:
    assert waits([task("one", "two"), task("two"), task("three")]) == {"one": ["two"]}


@pytest.mark.parametrize("state", ["open", "tried", "failed"])
def test_it_waits_as_long_as_that_may_still_be_built(state: State) -> None:
    assert waits([task("one", "two"), task("two", state=state)]) == {"one": ["two"]}


def test_it_does_not_wait_for_what_is_over() -> None:
    assert waits([task("one", "two"), task("two", state="over")]) == {}


def test_it_waits_for_the_architectures_that_it_sees() -> None:
    tasks = [task("one", "two data"), task("two", architecture="i386"), task("two", architecture="all", makes="data")]
    assert [one.architecture for one in blockers(tasks[0].key, tasks)] == ["all"]


def test_who_wants_what_it_makes_itself_waits_for_nobody() -> None:
    assert waits([task("one", "one"), task("one", "one", architecture="all")]) == {}


def test_the_oldest_of_a_cycle_goes_first() -> None:
    assert waits([task("one", "two"), task("two", "three"), task("three", "one")]) == {
        "two": ["three"],
        "three": ["one"],
    }


def test_when_the_oldest_could_not_be_built_the_next_is_tried() -> None:
    tasks = [task("one", "two", state="tried"), task("two", "one"), task("three", "two")]
    assert waits(tasks)["three"] == ["two"]
    assert "two" not in waits(tasks)


def test_a_cycle_waits_for_what_is_outside_of_it() -> None:
    assert waits([task("one", "two three"), task("two", "one"), task("three")]) == {"one": ["three"], "two": ["one"]}


@given(wants=st.tuples(*[st.sets(st.sampled_from(SOURCES))] * len(SOURCES)))
def test_whatever_they_want_of_each_other_all_are_built(wants: tuple[set[str], ...]) -> None:
    """Each round, what waits for nobody is built; that ends with all of them built."""
    tasks = [task(source, " ".join(wanted)) for source, wanted in zip(SOURCES, wants, strict=True)]
    for _ in SOURCES:
        free = {one.key for one in tasks if one.state == "open" and not blockers(one.key, tasks)}
        assert free or all(one.state == "over" for one in tasks)
        tasks = [replace(one, state="over") if one.key in free else one for one in tasks]
    assert all(one.state == "over" for one in tasks)


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_of_a_cycle_in_which_nobody_can_be_built_each_is_tried_once(order: tuple[int, ...]) -> None:
    tasks = [task("one", "two"), task("two", "three"), task("three", "one")]
    tasks = [tasks[number] for number in order]
    for _ in tasks:
        (free,) = [one.key for one in tasks if one.state == "open" and not blockers(one.key, tasks)]
        tasks = [replace(one, state="tried") if one.key == free else one for one in tasks]
    assert {one.state for one in tasks} == {"tried"}
