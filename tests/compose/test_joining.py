"""Which sweep an equal command joins, and when a sweep is opened again."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import topo_exp
from topo_exp.compose.joining import choose_sweep, equal_sweeps, identity_of, is_same_code, open_sweep, sweep_to_join
from topo_exp.compose.points import code_of
from topo_exp.compose.sweeping import PlannedSweep
from topo_exp.errors import ConfigError
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.options import SweepOptions

Describe = Callable[..., PlannedSweep]


@pytest.fixture
def describe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Describe:
    """Return a function that describes a sweep; each call is another command, with an identity of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOPO_EXP_OUTPUT", raising=False)

    def call(**settings: object) -> PlannedSweep:
        common = {"analysis": [], "tracking": "none", "times": [0, 1], "output_dir": str(tmp_path / "Output")}
        return topo_exp.sweep("tiny", **{**common, "cortex_density": [3, 4], **settings})

    return call


def choose(planned: PlannedSweep, *, join: bool = True) -> tuple[SweepDirectory, bool, bool, str]:
    """Choose the sweep of a command."""
    chosen = choose_sweep(planned._composer, planned._checked, command="the command", options=SweepOptions(join=join))
    return chosen.directory, chosen.is_joined, chosen.retries_failed, chosen.note


def end(sweep: SweepDirectory, *words: str) -> None:
    """Give the points of a sweep states, in their order."""
    for point, word in zip(sweep.manifest.space, words, strict=False):
        lease = sweep.ledger.acquire([point.key])
        assert lease is not None
        if word == "done":
            assert lease.finish("run")
        elif word == "failed":
            lease.fail("for a reason")


def test_an_equal_command_joins_a_sweep_that_is_not_finished(describe: Describe) -> None:
    """Its runs record the identity of the sweep that they join, and the note counts what was done."""
    sweep, is_joined, retries, note = choose(describe())
    assert (is_joined, retries, note) == (False, False, "")
    again = describe()
    assert again._composer.identity.id != sweep.manifest.id
    found, is_joined, retries, note = choose(again)
    assert (found.path, is_joined, retries) == (sweep.path, True, True)
    assert note == f"joining {sweep.path} (nothing done yet). join=false starts another sweep."
    assert again._composer.identity == identity_of(sweep.manifest)
    assert again._composer.identity.id == sweep.manifest.id
    end(sweep, "done", "failed")
    assert choose(describe())[2:] == (
        True,
        f"joining {sweep.path} (1 done, 1 failed). join=false starts another sweep.",
    )


def test_failed_points_are_not_tried_again_while_another_process_works(describe: Describe) -> None:
    """A point that is running may be tried again by that process."""
    sweep, *_ = choose(describe(cortex_density=[3, 4, 5]))
    end(sweep, "failed", "running")
    found, is_joined, retries, note = choose(describe(cortex_density=[3, 4, 5]))
    assert (found.path, is_joined, retries) == (sweep.path, True, False)
    assert "(1 failed, 1 running)" in note


def test_a_finished_sweep_is_not_joined(describe: Describe) -> None:
    """The same command then makes another sweep."""
    sweep, *_ = choose(describe())
    end(sweep, "done", "done")
    planned = describe()
    assert sweep_to_join(planned._composer, planned._checked, SweepOptions()) is None
    assert choose(planned)[:2] != (sweep.path, True)
    assert choose(planned)[0].path.parent == sweep.path.parent


def test_a_command_with_more_points_extends_the_sweep(describe: Describe) -> None:
    """Also a finished one; the description on disk then has all points and the new command."""
    sweep, *_ = choose(describe())
    end(sweep, "done", "done")
    planned = describe(cortex_density=[3, 4, 5])
    joined = sweep_to_join(planned._composer, planned._checked, SweepOptions())
    assert joined is not None
    assert joined.path == sweep.path
    assert len(SweepDirectory.open(sweep.path).manifest.space) == 2, "asking changes nothing"
    found, is_joined, _, note = choose(planned)
    assert (found.path, is_joined) == (sweep.path, True)
    assert "(2 done; 1 runs are new)" in note
    manifest = SweepDirectory.open(sweep.path).manifest
    assert [point["cortex_density"] for point in manifest.space] == [3, 4, 5]
    assert (manifest.command, manifest.id) == ("the command", sweep.manifest.id)


@pytest.mark.parametrize(
    "settings",
    [
        {"cortex_density": [4, 5]},
        {"cortex_density": [3]},
        {"times": [0, 2]},
        {"retina_density": [12, 24]},
        {"tag": "x"},
        {"engine": "reference"},
    ],
    ids=str,
)
def test_another_command_makes_another_sweep(describe: Describe, settings: dict[str, object]) -> None:
    """Other points, or a part of the points, are another question."""
    sweep, *_ = choose(describe())
    found, is_joined, _, _ = choose(describe(**settings))
    assert not is_joined
    assert found.path != sweep.path


def test_sweeps_are_found_by_their_names(describe: Describe) -> None:
    """Only directories with the name of the command's sweep, whatever their date and number, are opened."""
    places = [choose(describe(), join=False)[0].path for _ in range(2)]
    for settings, expected in (({}, places), ({"cortex_density": [3, 5]}, places), ({"retina_density": [12, 24]}, [])):
        planned = describe(**settings)
        code = code_of(planned._composer, planned._checked)
        found = equal_sweeps(planned._composer, planned._checked, code)
        assert sorted(each.path for each in found) == sorted(expected)


def test_join_false_makes_another_sweep(describe: Describe) -> None:
    """The two have the same points and different directories."""
    sweep, *_ = choose(describe())
    planned = describe()
    assert sweep_to_join(planned._composer, planned._checked, SweepOptions(join=False)) is None
    found, is_joined, _, _ = choose(planned, join=False)
    assert not is_joined
    assert found.path != sweep.path


def test_of_several_sweeps_the_latest_usable_one_is_joined(describe: Describe) -> None:
    """One whose code was another, whose further words are others, or whose description is damaged, is passed over."""
    made = [choose(describe(), join=False)[0] for _ in range(5)]
    for place, sweep in enumerate(made):
        os.utime(sweep.path / "sweep.yaml", (1e9 + place, 1e9 + place))
    oldest, middle, other_code, other_words, damaged = made
    assert choose(describe())[0].path == damaged.path
    text = (damaged.path / "sweep.yaml").read_text()
    (damaged.path / "sweep.yaml").write_text(text[:100])
    other_code.rewritten(
        replace(other_code.manifest, code={**other_code.manifest.code, "sources": {"topo_exp.engine": "0"}})
    )
    other_words.rewritten(replace(other_words.manifest, others=("~tag",)))
    assert choose(describe())[0].path == middle.path
    os.utime(oldest.path / "sweep.yaml", (2e9, 2e9))
    assert choose(describe())[0].path == oldest.path


CODE = {"sources": {"a": "1", "b": "2"}, "versions": {"numpy": "2"}, "configuration": {"": "7"}}


@pytest.mark.parametrize(
    ("recorded", "is_same"),
    [
        (CODE, True),
        ({**CODE, "sources": {"a": "1"}}, True),  # further points may use further files
        ({**CODE, "sources": {"a": "1", "b": "3"}}, False),
        ({**CODE, "sources": {"a": "1", "b": "2", "c": "3"}}, False),
        ({**CODE, "versions": {"numpy": "1"}}, False),
        ({**CODE, "configuration": {"": "8"}}, False),
        ({**CODE, "configuration": None}, False),
        ({"sources": {}, "versions": {}}, False),
    ],
)
def test_code_is_the_same_if_all_that_was_recorded_is_there(recorded: dict[str, object], is_same: bool) -> None:
    """Sources, versions and configuration count, each."""
    assert is_same_code(recorded, CODE) == is_same


def test_a_sweep_is_opened_again_from_its_directory(describe: Describe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Points, identity and code are those of the command; no permission is needed for this package."""
    planned, asked = describe(), []
    sweep, *_ = choose(planned)
    monkeypatch.chdir("/")
    found, composer, points = open_sweep(sweep.path, force=False, permit=lambda *given: asked.append(given))
    assert found.path == sweep.path
    assert list(composer.space) == list(planned.space)
    assert composer.identity == identity_of(sweep.manifest)
    assert [each.directory_name for each in points] == planned.names
    assert code_of(composer, points) == code_of(planned._composer, planned._checked)
    assert asked == [(sweep.path.name, [])]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sources": {"topo_exp.engine": "0"}}, r"got topo_exp\.engine: changed\).* or add --force"),
        ({"sources": {"/nowhere/mine.py": "0"}}, r"got /nowhere/mine\.py: missing\)"),
        ({"versions": {"numpy": "0.1"}}, r"numpy: version 0\.1 in the record"),
        ({"configuration": {"": "0"}}, r"got configuration files: changed\)"),
    ],
)
def test_a_sweep_is_continued_by_the_code_that_began_it(
    describe: Describe, change: dict[str, dict[str, str]], message: str
) -> None:
    """Other code is refused without --force; files outside of this package need permission also then."""
    sweep, *_ = choose(describe())
    sweep.rewritten(replace(sweep.manifest, code={**sweep.manifest.code, **change}))
    asked: list[tuple[str, list[str]]] = []
    with pytest.raises(ConfigError, match=message):
        open_sweep(sweep.path, force=False, permit=lambda where, names: asked.append((where, list(names))))
    assert all(not names for _, names in asked)
    open_sweep(sweep.path, force=True, permit=lambda where, names: asked.append((where, list(names))))
    assert asked[-1] == (sweep.path.name, [name for name in change.get("sources", ()) if "/" in name])


def test_a_sweep_that_lists_no_code_is_refused(describe: Describe) -> None:
    """Whether code has changed could not be known."""
    sweep, *_ = choose(describe())
    sweep.rewritten(replace(sweep.manifest, code={}))
    with pytest.raises(ConfigError, match=r"sweep\.yaml: must list the code"):
        open_sweep(sweep.path, force=True, permit=lambda where, names: None)
