"""Words of a command line as spaces, and points as words, through Hydra's own parser."""

from pathlib import Path
from typing import Any

import param
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from topo_exp.compose.schema import SWEEP_NODE
from topo_exp.compose.space import space_of, split_words
from topo_exp.errors import ConfigError, TopoExpError, UnknownNameError
from topo_exp.sweeps.point import Point
from topo_exp.sweeps.space import Sweep

texts = st.text(st.sampled_from("ab1_ .,:;='\"\\${}[]()<>|&+~-/@#%*!?\n\té€😀"), max_size=12) | st.text(max_size=6)
nasty = st.sampled_from(
    ["it's", '"', "\\", "\\'", "'\\", "${x}", "\\${x}", "${", "$", "{}", "a b", " a", "a ", "null", "true", "FALSE"]
) | st.sampled_from(
    ["nan", "1", "1e3", "-inf", "a,b", "[a]", "{a:1}", "é", "on", "range(3)", "choice(1,2)", "linspace(0,1,2)", "a=b"]
)
data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts | nasty,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b_c", "d.e"]), inner, max_size=2)
    ),
    max_leaves=6,
)
not_too_slow = settings(suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
names = st.sampled_from(["a", "b_c", "analysis.default.curves", "hydra/launcher", "model"])


@given(given_settings=st.dictionaries(names, data, max_size=3))
@not_too_slow
def test_words_of_a_point_are_read_by_hydra_as_the_same_values(given_settings: dict[str, Any]) -> None:
    """Whatever the value, Hydra's parser and OmegaConf give it back, with its type."""
    point = Point(given_settings)
    overrides = OverridesParser.create().parse_overrides(point.words)
    assert [override.key_or_group for override in overrides] == list(given_settings)
    for override, value in zip(overrides, given_settings.values(), strict=True):
        assert not override.is_sweep_override()
        config = OmegaConf.create({"x": override.value()})
        read = OmegaConf.to_container(config, resolve=True)
        assert read == {"x": value}
        assert repr(read) == repr({"x": value})


@not_too_slow
@given(values=st.lists(data, min_size=2, max_size=4))
def test_values_survive_the_command_line(values: list[Any]) -> None:
    """A list of values written as a sweep of Hydra is read as the same list."""
    words = [word.partition("=")[2] for value in values for word in Point({"a": value}).words]
    varying = split_words([f"a={','.join(words)}"]).varying
    assert repr(varying) == repr({"a": values})


@not_too_slow
@given(given_settings=st.dictionaries(st.sampled_from(["a", "b_c", "tag"]), data, max_size=3))
def test_words_of_a_point_are_its_constants_again(given_settings: dict[str, Any]) -> None:
    """From words to a point and back."""
    point = Point(given_settings)
    split = split_words(point.words)
    assert not split.varying
    assert not split.others
    assert Point(split.constant) == point
    assert repr(split.constant) == repr(dict(point))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["a=1,2", "b=x,y"], Sweep(a=[1, 2], b=["x", "y"])),
        (["a=1,2", "b=3"], Sweep(a=[1, 2], b=3)),
        (["+a=1,2", "++b=3"], Sweep(a=[1, 2], b=3)),
        (["a=choice(1,2,x)"], Sweep(a=[1, 2, "x"])),
        (["a=range(0,3)"], Sweep(a=[0, 1, 2])),
        (["a=range(0,1,0.25)"], Sweep(a=[0.0, 0.25, 0.5, 0.75])),
        (["a=float(range(0,3))"], Sweep(a=[0.0, 1.0, 2.0])),
        (["a=sort(3,1,2)"], Sweep(a=[1, 2, 3])),
        (["a=linspace(0,100,5)"], Sweep(a=[0.0, 25.0, 50.0, 75.0, 100.0])),
        (["a=geomspace(0.1,10,3)"], Sweep(a={"geomspace": [0.1, 10, 3]})),
        (["times=[0,10],[0,100]"], Sweep(times=[[0, 10], [0, 100]])),
        (["times=[0,10]"], Sweep(times=[[0, 10]])),
        (["param_names={a:b}"], Sweep(param_names=[{"a": "b"}])),
        (["a={x:1},{y:2}"], Sweep(a=[{"x": 1}, {"y": 2}])),
        (["tag='x,y',z"], Sweep(tag=["x,y", "z"])),
        (["tag='\\${x}',z"], Sweep(tag=["${x}", "z"])),
        (["a=null,true,1e3"], Sweep(a=[None, True, 1000.0])),
        (["a=1,2", "a=5"], Sweep(a=5)),
        (["a=5", "a=1,2"], Sweep(a=[1, 2])),
        (["model=tiny,gcal", "analysis=[default],[]"], Sweep(model=["tiny", "gcal"], analysis=[["default"], []])),
        (["analysis.default.curves=1,2"], Sweep({"analysis.default.curves": [1, 2]})),
        (["tag=größe (a)"], Sweep(tag="größe (a)")),
        (["db@x=p,q"], Sweep({"db@x": ["p", "q"]})),
        (["a=1,2", "b=3,4", "sweep.zip=[a,b]"], Sweep.zip(a=[1, 2], b=[3, 4])),
        (["a=1,2", "b=3,4", "c=5,6", "sweep.zip=[a,b]"], Sweep.zip(a=[1, 2], b=[3, 4]) * Sweep(c=[5, 6])),
        (["a=1,2", "b=x,y", "sweep.exclude=a > 1 or b == 'x'"], Sweep(a=1, b="y")),
        (["a=1,2,3", "sweep.exclude='a > 2'"], Sweep(a=[1, 2])),
        (["a=1,2,3", "sweep.exclude='x' == 'y' or a == 1"], Sweep(a=[2, 3])),
        (["a=1,2,3", "sweep.exclude=['a == 1','a == 2']"], Sweep(a=3)),
        (["a=1,2", "k=3", "sweep.exclude=a == k - 1"], Sweep(a=1, k=3)),
        (["a=1,2", "sweep.replicates={input_seed:3}"], Sweep(a=[1, 2], input_seed=range(3))),
        (["x=uniform(0,1)", "sweep.sample=5"], Sweep.sample(5, x={"uniform": [0, 1]})),
        (["x=interval(0,1)", "sweep.sample=5"], Sweep.sample(5, x={"uniform": [0.0, 1.0]})),
        (["x=tag(log,interval(0.1,1))", "sweep.sample=5"], Sweep.sample(5, x={"log_uniform": [0.1, 1]})),
        (["x=int(interval(1,500))", "sweep.sample=5"], Sweep.sample(5, x={"integers": [1, 500]})),
        (
            [
                "x=log_uniform(0.1,1)",
                "n=integers(1,500)",
                "k=one_of(p,'q r',[1,'s'])",
                "m=1,2",
                "sweep.sample={n:5,seed:3,method:sobol}",
            ],
            Sweep.sample(
                5,
                seed=3,
                method="sobol",
                x={"log_uniform": [0.1, 1]},
                n={"integers": [1, 500]},
                k={"one_of": ["p", "q r", [1, "s"]]},
            )
            * Sweep(m=[1, 2]),
        ),
        (["sweep.concat=[{a:[1,2]},{b:[3,4]}]"], Sweep(a=[1, 2]) + Sweep(b=[3, 4])),
        (["sweep={product:[{a:[1,2]},{b:[3,4]}]}", "c=1,2"], Sweep(a=[1, 2], b=[3, 4], c=[1, 2])),
        (["zip=1,2", "b=3,4", "sweep.zip=[zip,b]"], Sweep.zip(zip=[1, 2], b=[3, 4])),
        ([], Sweep()),
    ],
)
def test_words_are_the_space_that_python_makes(words: list[str], expected: Sweep) -> None:
    """The command line, YAML and Python are three ways of writing one space."""
    split = split_words(words)
    config = OmegaConf.create({})
    for override in OverridesParser.create().parse_overrides(split.node):
        OmegaConf.update(config, override.key_or_group, override.value(), force_add=True)
    node = OmegaConf.to_container(config).get(SWEEP_NODE, {})  # type: ignore[union-attr]
    assert split.space(node) == expected


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("a=logspace(0,3,4)", r"a: has no function.*Did you mean.*not exponents"),
        ("a=linspce(0,3,4)", r"a: has no function.*Did you mean 'linspace'"),
        ("a=linspace(0,1)", r"linspace must have the form"),
        ("a=linspace(0,x,2)", r"linspace must have the form"),
        ("a=uniform(1,0)", r"uniform must have two numbers that increase"),
        ("a=1,linspace(0,1,2)", r"a: a function must stand alone"),
        ("a=choice(uniform(0,1),2)", r"a: uniform must stand alone"),
        ("a=tag(lin,interval(0,1))", r"a: has no tag of that name \(got 'lin'\)"),
        ("a=${b},2", r"a: values that vary must not refer to other settings"),
        ("a=glob(*)", r"a: must list its values"),
        ("sweep.sample=20,30", r"sweep.sample: an entry of the sweep must have one value"),
        ("sweep.a=1,2", r"write it alone, a=\.\.\."),
        ("a", r"each word must be name=value"),
    ],
)
def test_a_word_that_gives_no_values_is_refused(word: str, message: str) -> None:
    """With the word, the rule, and the remedy."""
    with pytest.raises(TopoExpError, match=message):
        split_words([word])


def test_words_that_are_not_settings_are_kept_as_they_are() -> None:
    """Hydra's own settings, deletions, and references that only the composition can resolve."""
    split = split_words(["hydra/launcher=basic", "hydra.verbose=true", "~tag", "b=${a}", "a=3", "sweep.sample=3"])
    assert split.others == ["hydra/launcher=basic", "hydra.verbose=true", "~tag", "b=${a}"]
    assert split.constant == {"a": 3}
    assert split.base == ["a=3", "sweep.sample=3", *split.others]


@pytest.mark.parametrize(
    ("given_settings", "expected"),
    [
        ({"a": [1, 2], "times": [0, 100]}, Sweep(a=[1, 2], times=[[0, 100]])),
        ({"times": [[0, 1], [0, 2]], "analysis": ["x"]}, Sweep(times=[[0, 1], [0, 2]], analysis=[["x"]])),
        ({"times": 0.1, "analysis": []}, Sweep(times=0.1, analysis=[[]])),
        ({"bounds": (0, 1), "words": [["a"], ["b", "c"]]}, Sweep(bounds=[[0, 1]], words=[["a"], ["b", "c"]])),
        ({"a": range(3)}, Sweep(a=[0, 1, 2])),
    ],
)
def test_a_list_is_one_value_of_a_setting_that_takes_lists(given_settings: dict[str, Any], expected: Sweep) -> None:
    """So that `times=[0, 100]` in Python is what it is on the command line."""
    declarations = {"a": param.Number(1), "bounds": param.Range((0, 2)), "words": param.List([])}
    assert space_of(given_settings, declarations) == expected


def test_a_shuffled_list_has_the_same_points() -> None:
    """Hydra shuffles without a seed; the order of the points changes, their set does not."""
    assert split_words(["a=shuffle(range(0,50))"]).space().key == Sweep(a=range(50)).key


def test_the_command_line_replaces_settings_of_an_experiment() -> None:
    """A value, or other values, for a setting that the file sweeps over."""
    node = {"a": [1, 2], "b": [3, 4], "settings": {"zip": [1, 2]}}
    assert split_words(["a=9"]).space(node) == Sweep(b=[3, 4], zip=[1, 2], a=9)
    assert split_words(["b=7,8", "zip=5"]).space(node) == Sweep(a=[1, 2], b=[7, 8], zip=5)
    with pytest.raises(ConfigError, match="got 'a' in two"):
        split_words(["a=9"]).space({"zip": {"a": [1, 2], "b": [3, 4]}})


def test_hydra_composes_the_entries_of_an_experiment_and_of_the_command_line(tmp_path: Path) -> None:
    """The mapping in a file is an ordinary node, which words `sweep.NAME=...` change; names may have dots."""
    (tmp_path / "config.yaml").write_text("defaults:\n  - experiment: e\n  - _self_\n")
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "e.yaml").write_text(
        "# @package _global_\n"
        "sweep:\n"
        "  contrast: [15, 100]\n"
        "  analysis.default.curves: [[sf], []]\n"
        "  zip: {x: [1, 2], y: {linspace: [0, 1, 2]}}\n"
        "  exclude: contrast > 50 and x == 2\n"
        "  replicates: {input_seed: 2}\n"
    )
    split = split_words(["sweep.exclude=contrast > 50", "sweep.replicates.input_seed=3", "k=5,6"])
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        config = compose("config", overrides=[f"++{word}" for word in split.base])
    node = OmegaConf.to_container(config.sweep, resolve=True)
    assert isinstance(node, dict)
    sweep = split.space({str(name): value for name, value in node.items()})
    expected = (
        Sweep({"contrast": [15], "analysis.default.curves": [["sf"], []]})
        * Sweep.zip(x=[1, 2], y=[0.0, 1.0])
        * Sweep(k=[5, 6], input_seed=range(3))
    )
    assert sweep == expected


def test_a_glob_lists_the_files_of_a_group(tmp_path: Path) -> None:
    """With Hydra's loader, which knows the files."""
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra._internal.utils import create_config_search_path

    (tmp_path / "db").mkdir()
    for name in ("one", "two", "other"):
        (tmp_path / "db" / f"{name}.yaml").write_text("{}\n")
    loader = ConfigLoaderImpl(create_config_search_path(str(tmp_path)))
    assert split_words(["db=glob(o*)"], config_loader=loader).varying == {"db": ["one", "other"]}
    with pytest.raises(ConfigError, match="db: must have at least one value"):
        split_words(["db=glob(x*)"], config_loader=loader)


def test_an_unknown_function_is_a_lookup_error() -> None:
    """As every unknown name."""
    with pytest.raises(UnknownNameError):
        split_words(["a=nothing_like_it(3)"])
