"""Spaces of settings: their algebra, and what they say about themselves."""

import hashlib
import json
import math
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from topo_exp.errors import ConfigError, UnknownNameError
from topo_exp.sweeps.space import Sweep

names = st.sampled_from(["a", "b", "c", "d.e", "zip", "sample", "model"])
values = st.lists(st.integers(0, 9) | st.sampled_from(["x", "y z", None, True, 0.5, [1, 2]]), min_size=1, max_size=3)
grids = st.dictionaries(names, values, max_size=3)


def rows(sweep: Sweep) -> list[dict[str, Any]]:
    """List the points as mappings."""
    return [dict(point) for point in sweep]


def test_a_grid_is_all_combinations_with_the_last_setting_changing_fastest() -> None:
    """As in Hydra, so that the same words give the same order."""
    assert rows(Sweep(a=[1, 2], b=["x", "y"])) == [
        {"a": 1, "b": "x"},
        {"a": 1, "b": "y"},
        {"a": 2, "b": "x"},
        {"a": 2, "b": "y"},
    ]


def test_a_space_of_nothing_has_one_point() -> None:
    """One run with all settings at their defaults."""
    assert rows(Sweep()) == [{}]
    assert Sweep() * Sweep(a=[1, 2]) == Sweep(a=[1, 2])


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_sizes_multiply_in_products_and_add_in_concatenations(sizes: list[int]) -> None:
    """The number of points is the product, or the sum, of the parts' numbers."""
    parts = [Sweep({f"s{place}": range(size)}) for place, size in enumerate(sizes)]
    multiplied, added = parts[0], parts[0]
    for part in parts[1:]:
        multiplied, added = multiplied * part, added + part
    assert len(multiplied) == math.prod(sizes)
    assert len(added) == sum(sizes)


def test_products_and_concatenations_are_associative() -> None:
    """How spaces are bracketed does not matter."""
    a, b, c = Sweep(a=[1, 2]), Sweep(b=[1, 2]), Sweep.zip(c=[1, 2], d=[3, 4])
    assert (a * b) * c == a * (b * c)
    assert ((a * b) * c).data() == (a * (b * c)).data()
    assert ((a + b) + c).data() == (a + (b + c)).data()


def test_a_product_distributes_over_a_concatenation_from_the_right() -> None:
    """(a + b) x c lists the points of a x c, then those of b x c."""
    a, b, c = Sweep(a=[1, 2]), Sweep(b=[1]), Sweep(c=[1, 2, 3])
    assert (a + b) * c == a * c + b * c


def test_a_zip_pairs_points() -> None:
    """The first with the first; a zipped space combines with others like any other."""
    assert rows(Sweep.zip(a=[1, 1, 2], b=[3, 4, 4])) == [{"a": 1, "b": 3}, {"a": 1, "b": 4}, {"a": 2, "b": 4}]
    assert len(Sweep.zip(a=[1, 2], b=[3, 4]) * Sweep(c=[5, 6, 7])) == 6
    assert rows(Sweep.zip(Sweep(a=[1, 2], b=[3, 4]), c=[5, 6, 7, 8]))[2] == {"a": 2, "b": 3, "c": 7}


def test_a_zip_of_unequal_lengths_is_refused_with_the_lengths() -> None:
    """No value is dropped silently."""
    with pytest.raises(ConfigError, match=r"sweep.zip: .*got a: 2, b: 3"):
        len(Sweep.zip(a=[1, 2], b=[3, 4, 5]))


def test_points_are_excluded_by_condition() -> None:
    """A point stays if no condition is true of it."""
    sweep = Sweep(contrast=[15, 100], homeostasis=[True, False], k=[1]).exclude("contrast > 50 and not homeostasis")
    assert [(point["contrast"], point["homeostasis"]) for point in sweep] == [(15, True), (15, False), (100, True)]
    assert sweep.exclude("contrast == 15") == Sweep(contrast=[100], homeostasis=[True], k=[1])


def test_excluding_everything_is_refused() -> None:
    """A sweep without runs is a mistake."""
    with pytest.raises(ConfigError, match=r"sweep.exclude: must leave a point"):
        len(Sweep(a=[1, 2]).exclude("a > 0"))


def test_a_condition_on_an_unknown_setting_is_refused_with_the_nearest_name() -> None:
    """A misspelt name does not make a condition that is never true."""
    with pytest.raises(UnknownNameError, match=r"got 'contrats'.*Did you mean 'contrast'"):
        Sweep(contrast=[15, 100]).exclude("contrats > 50")


def test_a_condition_needs_a_value_in_each_point() -> None:
    """In a concatenation a setting may be missing from some points: the condition has no value there."""
    with pytest.raises(UnknownNameError, match="got 'b'"):
        len((Sweep(a=[1, 2]) + Sweep(b=[1, 2])).exclude("b > 1"))


def test_replicates_repeat_each_point_with_other_seeds() -> None:
    """A number counts from zero; several seeds change together."""
    assert len(Sweep(a=[1, 2]).replicates(input_seed=8)) == 16
    assert rows(Sweep(a=[1]).replicates(input_seed=2, weight_seed=[7, 9])) == [
        {"a": 1, "input_seed": 0, "weight_seed": 7},
        {"a": 1, "input_seed": 1, "weight_seed": 9},
    ]
    with pytest.raises(ConfigError, match=r"sweep.replicates.s: must be a number >= 1"):
        Sweep().replicates(s=0)


def test_the_same_point_twice_is_refused() -> None:
    """Equal numbers are equal settings; the message names the point and its places."""
    with pytest.raises(ConfigError, match=r"points must differ \(got 'a=2.0' as point 2 and as point 3\).*replicates"):
        len(Sweep(a=[1, 2]) + Sweep(a=[2.0, 3]))
    assert len(Sweep(a=[1, True, "1", 1.5])) == 4


def test_one_setting_has_its_values_in_one_place() -> None:
    """A product of two spaces with one setting would have two values for it."""
    with pytest.raises(ConfigError, match="got 'a' in two"):
        Sweep(a=[1]) * Sweep(a=[2])
    with pytest.raises(ConfigError, match="got 'a' in two"):
        Sweep.zip(Sweep(a=[1, 2]), a=[3, 4])


def test_a_space_says_what_varies_and_what_does_not() -> None:
    """In the order of the settings, with the different values in order of appearance."""
    sweep = Sweep(c=3, b=[2, 1], times=[[0, 10]]) * Sweep.zip(x=[1, 1, 2], y=["p", "q", "q"])
    assert dict(sweep.varying) == {"b": (2, 1), "x": (1, 2), "y": ("p", "q")}
    assert list(sweep.varying) == ["b", "x", "y"]
    assert dict(sweep.constant) == {"c": 3, "times": [0, 10]}
    assert sweep.label(sweep[0]) == "b=2 x=1 y=p"


def test_a_setting_that_is_missing_from_some_points_varies() -> None:
    """It has its default there."""
    sweep = Sweep(a=[1, 2], z=0) + Sweep(b=[5], z=0)
    assert dict(sweep.varying) == {"a": (1, 2), "b": (5,)}
    assert dict(sweep.constant) == {"z": 0}


def test_values_come_from_any_ordered_list() -> None:
    """Ranges, arrays, tuples and generators are lists of values; a text or a number is one value."""
    sweep = Sweep(a=range(2), b=np.linspace(0, 1, 3), c=(1, 2), d=(i for i in [7]), e="xy", f=np.float32(0.5))
    assert dict(sweep[0]) == {"a": 0, "b": 0.0, "c": 1, "d": 7, "e": "xy", "f": 0.5}
    assert len(sweep) == 12
    assert all(type(point["b"]) is float for point in sweep)
    with pytest.raises(ConfigError, match="must have an order"):
        Sweep(a={1, 2})


@pytest.mark.parametrize("name", ["", "a b", "+a", "a=1", "1a", "a..b", "a.", "ä"])
def test_a_name_that_no_setting_can_have_is_refused(name: str) -> None:
    """Before a run is started with it."""
    with pytest.raises(ConfigError, match="must be the name of a setting"):
        Sweep({name: [1]})


@pytest.mark.parametrize("value", [object(), [object()], {"a b": 1}, 1j])
def test_values_that_are_not_plain_are_refused(value: object) -> None:
    """A sweep is written down; objects cannot be."""
    with pytest.raises(ConfigError, match=r"sweep\.a"):
        Sweep(a=[value])


def test_a_space_that_is_far_too_large_is_refused_without_listing_it() -> None:
    """A product of long ranges would fill memory before anything is said."""
    with pytest.raises(ConfigError, match=r"at most 1000000 points \(got 1000000000000\)"):
        len(Sweep(a=range(10**4), b=range(10**4)) * Sweep(c=range(10**4)))


def test_keys_do_not_depend_on_the_order_of_settings_or_points() -> None:
    """The same runs are the same work, however they were described."""
    one, other = Sweep(a=[1, 2], b=[3, 4]), Sweep(b=[4, 3.0]) * Sweep(a=[2, 1])
    assert {point.key for point in one} == {point.key for point in other}
    assert one.key == other.key
    assert one != other
    assert one.key != Sweep(a=[1, 2], b=[3, 5]).key


def test_the_key_of_a_point_is_a_hash_of_its_words() -> None:
    """Records of sweeps contain it, so its definition must not change: SHA-256 of the sorted words as JSON."""
    words = ["contrast=15", "tag='a b'", "times=[0,10.5]"]
    expected = hashlib.sha256(json.dumps(words).encode()).hexdigest()[:16]
    assert Sweep(tag="a b", times=[[0.0, 10.5]], contrast=15.0)[0].key == expected


def test_what_a_point_hands_out_is_a_copy() -> None:
    """A list that is taken out and changed does not change the point."""
    point = Sweep(a=[[1, 2]])[0]
    taken = point["a"]
    assert isinstance(taken, list)
    taken.append(3)
    assert point["a"] == [1, 2]


@given(first=grids, second=grids, pairs=st.integers(2, 3), use=st.sets(st.sampled_from("zeprc")))
@settings(max_examples=200)
def test_a_space_survives_being_written_as_yaml(
    first: dict[str, list[Any]], second: dict[str, list[Any]], pairs: int, use: set[str]
) -> None:
    """Plain data describe a space exactly: its points, their order, and the description itself."""
    sweep = Sweep(first)
    if "z" in use:
        sweep = sweep * Sweep.zip(u=range(pairs), v=range(pairs))
    if "c" in use:
        sweep = sweep + Sweep(second)
    if "p" in use:
        sweep = sweep + Sweep.of([{"q": 1}, {"q": "x", "csv": [1]}])
    if "e" in use:
        sweep = (sweep * Sweep(n=[1, 2])).exclude("n == 1")
    if "r" in use:
        sweep = sweep.replicates(seed=2)
    written = yaml.safe_dump(sweep.data(), sort_keys=False)
    again = Sweep.from_data(yaml.safe_load(written))
    assert again.data() == sweep.data()
    try:
        points = rows(sweep)
    except ConfigError:
        with pytest.raises(ConfigError):
            rows(again)
    else:
        assert rows(again) == points
        assert again == sweep
        assert again.key == sweep.key
