"""Sweeps as lists of points."""

import pytest

from topo_exp.compose.sweep import points, varied
from topo_exp.errors import ConfigError


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["++a=1"], [["++a=1"]]),
        (["++a=1,2"], [["++a=1"], ["++a=2"]]),
        (["++a=1,2", "++b=x,y"], [["++a=1", "++b=x"], ["++a=1", "++b=y"], ["++a=2", "++b=x"], ["++a=2", "++b=y"]]),
        (["++a=range(0,2)"], [["++a=0"], ["++a=1"]]),
        (["++a=choice(1,2)"], [["++a=1"], ["++a=2"]]),
        (["++a=[1,2],[3]"], [["++a=[1,2]"], ["++a=[3]"]]),
        (["++a=1,2", "++a=5"], [["++a=5"]]),
        (["++a='x,y'"], [["++a='x,y'"]]),
        (["model='a b.py',tiny"], [["model='a b.py'"], ["model=tiny"]]),
        ([], [[]]),
    ],
)
def test_a_sweep_is_all_combinations(words: list[str], expected: list[list[str]]) -> None:
    """The last key changes fastest, and a later word for the same key replaces an earlier one."""
    assert points(words) == expected


def test_an_interval_is_refused() -> None:
    """A continuous range is no list of points."""
    with pytest.raises(ConfigError, match=r"a: must list its values"):
        points(["++a=interval(0,1)"])


def test_messages_name_only_what_differs() -> None:
    """A point is described by the words that the others do not have."""
    assert varied([["++a=1", "++c=0"], ["++a=2", "++c=0"]]) == [["a=1"], ["a=2"]]
    assert varied([]) == []
