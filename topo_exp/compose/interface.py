"""The Python interface: the functions of the command line, for notebooks and scripts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import param

from topo_exp.compose.loading import load_model
from topo_exp.compose.schema import checked, declared, plain
from topo_exp.errors import ConfigError
from topo_exp.sweeps import values

if TYPE_CHECKING:
    from topo_exp.compose.bridge import Settings
    from topo_exp.engine.simulation import Simulation
    from topo_exp.record.handle import RunHandle
    from topo_exp.runner.spec import RunSpec

ModelChoice: TypeAlias = str | Path | type[param.Parameterized]
AnalysisChoice: TypeAlias = str | Callable[..., Any]


def build(model: ModelChoice, /, **parameters: Any) -> "Simulation":
    """Build the simulation of a model at time 0.

    Args:
        model: name of a model, path of a file that defines one, or a model's class.
        parameters: parameters of the model; the others have their defaults.

    Returns:
        The simulation, ready to `run`.

    Raises:
        UnknownNameError: no such model or parameter.
        ParameterError: a value of the wrong kind or outside its bounds.
    """
    from topo_exp.compose.bridge import build_simulation, make_model

    loaded = load_model(model)
    values = checked(declared(loaded.cls), _inputs(parameters), where=loaded.label)
    return build_simulation(make_model(loaded, values))


def run(
    model: ModelChoice,
    /,
    *,
    analysis: AnalysisChoice | Sequence[AnalysisChoice] | None = None,
    overrides: Sequence[str] = (),
    config_dir: str | Path | None = None,
    **options_and_parameters: Any,
) -> "RunHandle":
    """Run a model through its analysis times and record it, as `python -m topo_exp` does.

    Args:
        model: name of a model, path of a file that defines one, or a model's class.
        analysis: names of analyses, references `file.py:function`, or functions `f(sim) -> Result` themselves.
        overrides: anything else that the command line takes, such as `["analysis.tuning.contrasts=[10,50]"]`.
        config_dir: a directory with configuration files of your own.
        options_and_parameters: options of the run (`times`, `tag`, `output_dir` ...) and parameters of the model.

    Returns:
        A handle to the finished run: its directory, metrics, maps and figures.

    Raises:
        UnknownNameError, ParameterError, ConfigError: a mistake in the arguments; nothing was run or written.
        RunError: the run failed; its directory records the error.
    """
    from topo_exp.runner.run import execute

    spec = specify(model, analysis=analysis, overrides=overrides, config_dir=config_dir, **options_and_parameters)
    return execute(spec).handle()


def specify(
    model: ModelChoice,
    /,
    *,
    analysis: AnalysisChoice | Sequence[AnalysisChoice] | None = None,
    overrides: Sequence[str] = (),
    config_dir: str | Path | None = None,
    **options_and_parameters: Any,
) -> "RunSpec":
    """Check the arguments of `run`, and describe the run without running it.

    Args:
        model: as for `run`.
        analysis: as for `run`.
        overrides: as for `run`.
        config_dir: as for `run`.
        options_and_parameters: as for `run`.

    Returns:
        The description that the runner executes.

    Raises:
        UnknownNameError, ParameterError, ConfigError: a mistake in the arguments.
    """
    from topo_exp.compose.bridge import make_spec
    from topo_exp.compose.composition import compose_settings

    inputs = _inputs(options_and_parameters)
    if "experiment" in inputs:  # a choice of a file, not a setting
        overrides = [_word("experiment", inputs.pop("experiment")), *overrides]
    entries = [] if analysis is None else [analysis] if isinstance(analysis, str) or callable(analysis) else analysis
    named = [entry for entry in entries if isinstance(entry, str)]
    own = {_entry_name(entry): {"_target_": entry} for entry in entries if not isinstance(entry, str)}
    words = ["~model" if isinstance(model, type) else _word("model", str(model))]
    if analysis is not None:
        words.append(_word("analysis", named))
    composed = compose_settings([*words, *overrides], [Path(config_dir)] if config_dir is not None else [])
    config = {**composed.config, **inputs, "analysis": {**(composed.config.get("analysis") or {}), **own}}
    if isinstance(model, type):
        config["model"] = model
    return make_spec(_recorded(composed, config, _as_words(model, analysis, entries, overrides, inputs), config_dir))


def _recorded(
    composed: "Settings", config: Mapping[str, Any], words: Sequence[str], config_dir: str | Path | None
) -> "Settings":
    """Replace the composed words and texts by those of the arguments, as a command line could have them."""
    import yaml  # type: ignore[import-untyped]  # it ships no type information

    from topo_exp.compose.overrides import written_settings
    from topo_exp.compose.shell import command_line

    flags = [] if config_dir is None else ["--config-dir", str(config_dir)]
    texts = {
        "config.yaml": yaml.safe_dump(_readable(config), sort_keys=False, allow_unicode=True),
        "overrides.yaml": yaml.safe_dump(list(words), allow_unicode=True),
    }
    return replace(
        composed,
        config=config,
        given=written_settings(words),
        command=command_line([*flags, *words]),
        texts={**composed.texts, **texts},
    )


def _as_words(
    model: ModelChoice,
    analysis: Any,
    entries: Sequence[AnalysisChoice],
    overrides: Sequence[str],
    inputs: Mapping[str, Any],
) -> list[str]:
    """Write the arguments of `run` as the words of a command line."""
    words = [_word("model", model)]
    if analysis is not None:
        words.append(_word("analysis", list(entries)))
    return [*words, *overrides, *(_word(name, value) for name, value in inputs.items())]


def _word(name: str, value: Any) -> str:
    """Write a setting as a word of the command line."""
    return f"{name}={values.literal(values.plain(_readable(value), name))}"


def _readable(value: Any) -> Any:
    """Replace functions and classes by their names on the command line, and everything else by plain data."""
    from topo_exp.compose.bridge import reference

    if isinstance(value, Mapping):
        return {str(name): _readable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(item) for item in value]
    if isinstance(value, type):
        return str(load_model(value).source or value.__name__)
    if callable(value):
        return reference(value)
    return plain(value if not isinstance(value, Path) else str(value))


def _entry_name(function: Callable[..., Any]) -> str:
    name = getattr(getattr(function, "func", function), "__name__", "")
    if not name.isidentifier():
        raise ConfigError(f"analysis: must be functions with a name (got {function!r}). Define it with def.")
    return name


def _inputs(given: Mapping[str, Any]) -> dict[str, Any]:
    """Turn arrays, paths and dates into plain data; functions are kept."""
    return {name: _input(value) for name, value in given.items()}


def _input(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_input(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _input(item) for name, item in value.items()}
    return value
