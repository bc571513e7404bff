"""Words of the command line."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from topo_exp.compose.overrides import (
    as_written,
    for_hydra,
    names_set,
    refuse_split_values,
    refuse_values_to_sweep,
    vary,
    written_settings,
)
from topo_exp.compose.shell import command_line
from topo_exp.errors import ConfigError
from topo_exp.sweeps.values import literal, plain

texts = st.text(st.sampled_from("ab1_ .,:='\"\\${}[]()+~-/\té€😀"), max_size=12)
nasty = st.sampled_from(
    ["it's", '"', "\\", "\\'", "${x}", "\\${x}", "a b", "null", "true", "1", "1e3", "", "a,b", "[a]", "é"]
)
data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts | nasty,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b_c", "d.e"]), inner, max_size=2)
    ),
    max_leaves=6,
)


def no_group(key: str) -> bool:
    """Stand for a project without groups of its own."""
    return False


@given(value=data)
def test_a_literal_is_read_back_as_the_same_value(value: Any) -> None:
    """Hydra and OmegaConf read the same value from a written text."""
    override = OverridesParser.create().parse_override(f"x={literal(value)}")
    config = OmegaConf.create({"x": override.value()})
    assert OmegaConf.to_container(config, resolve=True) == {"x": value}


@pytest.mark.parametrize("value", [{"a b": 1}, {"null": 1}, {1: 1}, object(), [object()]])
def test_what_the_grammar_cannot_hold_is_refused(value: Any) -> None:
    """Objects and odd keys have no place on a command line."""
    with pytest.raises(ConfigError, match="command line"):
        plain(value, "command line")


controls = st.text(st.sampled_from("a'\\\n\r\t\x01\x7f\x85\u2028é$!`\" "), max_size=8)


@given(words=st.lists(texts | nasty | controls, max_size=4))
@settings(max_examples=40, deadline=None)
def test_a_command_is_safe_in_a_shell(words: list[str]) -> None:
    """The command is one line, and bash splits it into the directory and the same words again."""
    command = command_line(words)
    assert len(command.splitlines()) == 1
    shell = "cd() { printf '%s\\0' \"$@\"; }; python() { printf '%s\\0' \"$@\"; }; "
    found = subprocess.run(["bash", "-c", shell + command], capture_output=True, check=True).stdout.decode()
    assert found.split("\0")[:-1] == [str(Path.cwd()), "-m", "topo_exp", *words]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("cortex_density=3", "++cortex_density=3"),
        ("+cortex_density=3", "++cortex_density=3"),
        ("++cortex_density=3", "++cortex_density=3"),
        ("a=1,2", "++a=1,2"),
        ("analysis.fields.size=3", "++analysis.fields.size=3"),
        ("model=gcal", "model=gcal"),
        ("+experiment=first", "experiment=first"),
        ("analysis=[default,my.py:f]", "analysis=[default,my.py:f]"),
        ("hydra/launcher=basic", "hydra/launcher=basic"),
        ("hydra.verbose=true", "hydra.verbose=true"),
        ("hydra.launcher.options.n_workers=2", "++hydra.launcher.options.n_workers=2"),
        ("hydra.launcher.options={n_workers:2}", "++hydra.launcher.options={n_workers:2}"),
        ("~tag", "~tag"),
        ("tag=(a", "++tag='(a'"),
        ("tag=größe", "++tag='größe'"),
        ("tag='a b'", "++tag='a b'"),
        ("model=a (b)/c=d.py", "model='a (b)/c=d.py'"),
    ],
)
def test_words_are_rewritten_for_hydra(word: str, expected: str) -> None:
    """Names of any kind are settable, groups stay groups, and texts need no quotes."""
    assert for_hydra([word], no_group) == [expected]


def test_the_path_of_an_existing_file_is_one_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comma in the path of a model does not make a sweep of it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a,b.py").touch()
    assert for_hydra(["model=a,b.py"], no_group) == ["model='a,b.py'"]
    assert for_hydra(["model=a.py,b.py"], no_group) == ["model=a.py,b.py"]


def test_groups_of_the_users_own_stay_groups() -> None:
    """A key that is a directory of configuration files chooses one of them."""
    assert for_hydra(["mine=x"], lambda key: key == "mine") == ["mine=x"]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("cortex_density", "must be name=value"),
        ("=3", "must be name=value"),
        ("", "must be name=value"),
        ("times=[0,10", "Hydra's grammar"),
        ("a=(", "Hydra's grammar"),
    ],
)
def test_words_that_cannot_be_meant_are_refused(word: str, message: str) -> None:
    """A mistake in a word is refused with the word and a remedy."""
    with pytest.raises(ConfigError, match=message):
        for_hydra([word], no_group)


def test_records_show_words_as_they_were_written() -> None:
    """The prefixes that Hydra needs do not show in records."""
    assert as_written(["++a=1", "model=tiny", "~b"]) == ["a=1", "model=tiny", "~b"]


def test_keys_are_listed_once_in_their_order() -> None:
    """The names that are set, not those that are deleted."""
    assert names_set(["b=1", "+a=2", "~c", "++b=3"]) == ["b", "a"]


def test_choices_are_kept_as_they_are_written() -> None:
    """A choice of files has the value of its word; a list of one name is the name."""
    words = ["+times=[0,1]", "analysis=[default]", "a=1", "analysis.fields.scale=2", "experiment=small", "~b"]
    assert written_settings(words) == {
        "times": "[0,1]",
        "analysis": "default",
        "a": "1",
        "analysis.fields.scale": "2",
        "experiment": "small",
    }
    assert written_settings(["analysis=[default,tuning]"]) == {"analysis": ["default", "tuning"]}


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("times=0,100", "Write 'times=[0,100]' for a list, or add -m for one run with each value."),
        ("+analysis=a,b", "Write 'analysis=[a,b]' for a list"),
        ("figure_formats=png,pdf", "Write 'figure_formats=[png,pdf]' for a list"),
        ("times=range(0,3)", "Add -m for one run with each value."),
        ("tag=a,b", "quote a text that has a comma: \"tag='a,b'\""),
        ("size=1,2", "Add -m for one run with each value."),
    ],
)
def test_several_values_for_one_run_are_refused(word: str, message: str) -> None:
    """With what was probably meant: a list, a text with a comma, or a sweep."""
    with pytest.raises(ConfigError) as found:
        refuse_values_to_sweep(word)
    name, _, value = word.lstrip("+").partition("=")
    text = str(found.value)
    assert text.startswith(f"{name}: must be one value (got '{value}'). ")
    assert message in text
    if message.startswith("Add"):
        assert text.endswith(message)


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        (["times=[0,", "100]"], "quote it: 'times=[0, 100]'"),
        (["a=1", "+x={a:", "[1,", "2]}", "b=2"], "quote it: '+x={a: [1, 2]}'"),
        (["x=(1,", "2)"], "quote it: 'x=(1, 2)'"),
    ],
)
def test_a_value_that_the_shell_has_split_is_refused(words: list[str], fix: str) -> None:
    """It is shown as one word, in quotes."""
    with pytest.raises(ConfigError, match="must be one word of the command line") as found:
        refuse_split_values(words)
    assert fix in str(found.value)


@pytest.mark.parametrize(
    "words",
    [
        ["times=[0,100]", "a=1]"],
        ["times=[0,", "100"],
        ["'times=[0,'", "100]"],
        ['tag="["', "]"],
        ["[", "]"],
        ["a=1", "times=[0,"],
    ],
)
def test_brackets_that_are_closed_quoted_or_never_closed_are_left_to_hydra(words: list[str]) -> None:
    """They are no value that was split at blanks."""
    refuse_split_values(words)


def test_an_experiment_may_be_none_and_a_model_may_not() -> None:
    """`experiment=null` chooses no file; a run without a model is none."""
    assert for_hydra(["experiment=null"], lambda name: False) == ["experiment=null"]
    for word in ("model=null", "analysis=null", "experiment=3"):
        with pytest.raises(ConfigError, match=f"{word.partition('=')[0]}: must be a name"):
            for_hydra([word], lambda name: False)


def test_a_text_that_no_path_can_be_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commas separate values, unlike those in the name of a file that exists."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one,two.py").touch()
    assert not vary("model=one,two.py")
    assert vary("model=one,three.py")
    assert vary(f"model={'a' * 5000},two.py")
