"""Errors of Hydra, OmegaConf and YAML become one sentence with the place of the mistake."""

from pathlib import Path
from typing import NoReturn

import pytest
import yaml
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException

from topo_exp.compose.mistakes import LONGEST, composition_errors
from topo_exp.errors import ParameterError, TopoExpError


def text_of(error: Exception, *directories: Path, cause: Exception | None = None) -> str:
    """Return the text that an error within a composition is turned into."""

    def compose() -> NoReturn:
        with composition_errors(directories):
            raise error from cause

    with pytest.raises(TopoExpError) as found:
        compose()
    assert found.value.__cause__ is error
    return str(found.value)


HINTS = """Could not do it
  See https://hydra.cc/docs for more
  To append to your config use +a
  full_key: a.b
  object_type=dict
  Set the environment variable HYDRA_FULL_ERROR=1
  Search path:
  Config search path:

  because of this."""


def test_hints_for_programmers_are_left_out() -> None:
    """Each line that describes the mistake is kept, of the error and of its cause."""
    for kind in (HydraException, ConfigCompositionException):
        found = text_of(kind(HINTS), cause=ValueError("full_key: x\nThe cause."))
        assert found == (
            "configuration: must be one that Hydra can compose "
            "(got: Could not do it because of this. The cause). Correct the word or the file."
        )


def test_a_long_text_is_cut() -> None:
    """A text of the longest length is whole."""
    whole, long = text_of(HydraException("a" * LONGEST)), text_of(HydraException("a" * (LONGEST + 1)))
    assert f"(got: {'a' * LONGEST})" in whole
    assert f"(got: {'a' * LONGEST})" in long.replace("...", "")
    assert len(long) == len(whole), "the dots at its end are those of a sentence"


def test_other_errors_are_named_by_their_class() -> None:
    """Whatever a resolver raises is a mistake of the configuration; our own errors pass."""
    assert "(got ZeroDivisionError: by zero)" in text_of(ZeroDivisionError("by zero"))
    own = ParameterError("a: must be b (got c). Do d.")
    with pytest.raises(ParameterError) as found, composition_errors():
        raise own
    assert found.value is own


def test_a_search_path_that_is_not_there_is_named() -> None:
    """Hydra only warns of it."""
    found = text_of(UserWarning("provider=x, path=/nowhere is not available."))
    assert found.startswith("hydra.searchpath: must name directories that exist (got: provider=x, path=/nowhere is not")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Could not delete 'model'", "model: cannot be removed (got '~model'). Write model=[] for none."),
        ("Could not delete from config. 'tags' does not exist.", "tags: must be set for ~ to remove it (got '~tags')."),
        ("Could not delete from config. The value of 'tags' is 1.", "tags: must be set for ~ to remove it"),
    ],
)
def test_what_cannot_be_removed_is_named(text: str, found: str) -> None:
    """A group may be chosen empty; another setting is unknown, with the nearest that is known."""
    assert text_of(HydraException(text)).startswith(found)
    assert ("Did you mean 'tag'" in text_of(HydraException(text))) == ("tags" in text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: 1\nb: [2\n", "line 3, column 1"),
        ("a: !!python/object:os.x 1\n", "line 1, column 4"),
        ("a: b: c\n", "line 1, column 5"),
        ("a: \x00\n", "position 3"),
    ],
)
def test_a_file_that_is_no_plain_yaml_is_named_with_line_and_column(text: str, place: str) -> None:
    """Lines and columns begin at 1."""
    with pytest.raises(yaml.YAMLError) as error:
        yaml.safe_load(text)
    found = text_of(error.value)
    assert f", {place}: must be plain YAML without tags (got: " in found
    assert "\n" not in found


def test_an_error_of_yaml_without_a_place_is_told() -> None:
    """It has no line and no file."""
    assert text_of(yaml.YAMLError("odd")) == (
        "configuration file, position ?: must be plain YAML without tags (got: odd). Correct the file."
    )


def test_a_file_that_is_no_utf8_is_found(tmp_path: Path) -> None:
    """Among those of the user's directories, also below them."""
    error = UnicodeDecodeError("utf-8", b"ab\xfc", 2, 3, "invalid")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.yaml").write_text("ü", encoding="utf-8")
    (tmp_path / "one" / "a.txt").write_bytes(b"\xfc")
    assert text_of(error, tmp_path / "one").startswith(
        "configuration file: must be a text in UTF-8 (got byte 0xfc at p"
    )
    bad = tmp_path / "two" / "experiment" / "b.yaml"
    bad.parent.mkdir(parents=True)
    bad.write_bytes(b"\xfc")
    assert text_of(error, tmp_path / "one", tmp_path / "two").startswith(
        f"{bad}: must be a text in UTF-8 (got byte 0xfc at position 2)"
    )


def test_a_file_that_is_missing_is_named_with_the_nearest(tmp_path: Path) -> None:
    """Files of the package and of the user's directories count, and for models those of the package."""
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").touch()

    def missing(file: str | None) -> str:
        return text_of(MissingConfigException("no file", missing_cfg_file=file), tmp_path)

    own_model = "For a file of your own write model=path/to/file.py."
    assert missing("experiment/mime") == "experiment: no such experiment (got 'mime'). Did you mean 'mine'?"
    assert missing("hydra/launcher/slrum") == (
        "hydra/launcher: no such hydra/launcher (got 'slrum'). Did you mean 'slurm'?"
    )
    assert missing("model/gcla") == f"model: no such model (got 'gcla'). Did you mean 'gcal'? {own_model}"
    assert missing("nothing/here") == "nothing: no such nothing (got 'here'). Choose another name."
    assert missing("analysis/activity") == (
        "analysis: no file of that name in conf/analysis (got 'activity'). It is a part of default; "
        "write 'analysis=[topo_exp.analysis.default.activity]' for it alone."
    )
    assert missing("analysis/defualt").endswith(
        "Did you mean 'default'? For a function of your own write path/to/file.py:function."
    )
    for file in (None, "config"):
        assert missing(file).startswith("configuration: must be one that Hydra can compose (got: no file)")
