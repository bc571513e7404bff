"""From composed configuration to a `RunSpec`: every name and value checked, every function found.

Here Hydra's knowledge ends. Composed settings come in as plain data; out goes what the runner executes.
"""

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import param

from topo_exp.compose import naming
from topo_exp.compose.loading import LoadedModel, check_call, load_function, load_model
from topo_exp.compose.schema import GROUPS, RunOptions, analysis_times, checked, declared, output_directory, plain
from topo_exp.errors import ConfigError, ModelError, ParameterError, UnknownNameError, nearest
from topo_exp.runner.spec import RunSpec

if TYPE_CHECKING:
    from topo_exp.engine.simulation import Simulation


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What was composed for one run, as plain data."""

    config: Mapping[str, Any]
    """Options, parameters of the model, `model` and `analysis`, all at the top level."""
    given: Sequence[str] = ()
    """Names that the user set, in their order."""
    command: str
    """The command line that repeats the run."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Configuration files for the record, by name."""


def make_spec(settings: Settings) -> RunSpec:
    """Check everything that was composed and make the description of the run.

    Raises:
        UnknownNameError: a name that is neither an option nor a parameter of the model; a missing file or function.
        ParameterError: a value of the wrong kind or outside its bounds.
        ConfigError: anything else that does not describe a run.
        ModelError, AnalysisError: a user's file that cannot be used.
    """
    config = dict(settings.config)
    if "model" not in config:
        raise ConfigError("model: must be chosen (got none). Write model=NAME.")
    loaded = load_model(config.pop("model"))
    chosen = config.pop("analysis", None) or {}
    if config.pop("experiment", None) is not None:
        raise ConfigError("experiment: must be the name of a file (got settings). Write experiment=NAME.")
    _check_names(config, loaded)
    hooks = {when: functions(config.get(when) or [], when) for when in ("before", "after")}
    options = checked_options({**config, "before": [], "after": []})
    times = analysis_times(options["times"])
    values = {name: value for name, value in config.items() if name in declared(loaded.cls)}
    model, given = _make_model(loaded, values, settings.given)
    analyses = make_analyses(chosen)
    _check_sources(analyses, chosen)
    parameters = {name: plain(getattr(model, name)) for name in declared(loaded.cls)}
    abbreviations = _abbreviations(options["param_names"])
    given = {name: given[name] for name in naming.ordered(given, abbreviations)}
    return RunSpec(
        model=loaded.name,
        build=functools.partial(build_simulation, model, options["engine"]),
        parameters=parameters,
        given=given,
        seeds={name: value for name, value in parameters.items() if _is_seed(name, value)},
        times=times,
        analyses=analyses,
        analysis_config=analysis_record(chosen),
        before=hooks["before"],
        after=hooks["after"],
        on_analysis_error=options["on_analysis_error"],
        engine=options["engine"],
        directory_name=naming.directory_name(
            loaded.name,
            given,
            timestamp=_moment(options["timestamp"], options["sweep_time"]),
            time_format=options["name_time_format"],
            prefix=options["dirname_prefix"],
            tag=options["tag"],
            abbreviations=abbreviations,
            parameters=parameters,
            enumerated=_enumerated(loaded.cls),
            max_length=options["max_name_length"],
        ),
        output_dir=output_directory(options["output_dir"]),
        command=settings.command,
        config=settings.texts,
        model_source=loaded.source,
        tag=options["tag"],
        sweep=options["sweep_id"],
        script_repr=options["script_repr"],
        snapshot=options["snapshot"],
        figure_formats=tuple(options["figure_formats"]),
        metadata_dir=Path(options["metadata_dir"]).expanduser().absolute() if options["metadata_dir"] else None,
        compress_metadata=options["compress_metadata"],
        progress=options["progress"],
        verbose=options["verbose"],
        tracking=options["tracking"],
        experiment=options["experiment_name"],
    )


def build_simulation(model: Any, engine: str = "compiled") -> "Simulation":
    """Build the simulation of a model and choose its engine.

    Raises:
        ModelError: `build()` returns something else.
    """
    from topo_exp.engine.simulation import Simulation

    sim = model.build()
    if not isinstance(sim, Simulation):
        raise ModelError(
            f"{type(model).__name__}.build: must return a Simulation (got {type(sim).__name__}). "
            "End it with `return sim`."
        )
    if engine != "compiled":
        sim.engine = engine
    return sim


def checked_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Give every option of a run its value, checked; other settings are passed over.

    Raises:
        ParameterError: a value of the wrong kind or outside its bounds.
    """
    own = {name: config.get(name, option.default) for name, option in declared(RunOptions).items()}
    return checked(RunOptions, own)


def make_analyses(chosen: Mapping[str, Any]) -> dict[str, Callable[..., Any]]:
    """Find the functions of the chosen analyses, check that they can be called, and bind their options.

    Arguments:
        chosen: name -> {`_target_`: function or reference to one, option: value ...}; None switches an entry off.

    Raises:
        UnknownNameError: no such function, or it has no such option.
        ConfigError: an entry without function.
    """
    if not isinstance(chosen, Mapping):
        raise ConfigError(f"analysis: must be a list of names (got {chosen!r}). Write analysis=[default].")
    analyses: dict[str, Callable[..., Any]] = {}
    active = {name: entry for name, entry in chosen.items() if entry is not None}
    for name, entry in active.items():
        where = f"analysis.{name}"
        target = entry.get("_target_") if isinstance(entry, Mapping) else None
        if target is None:
            known = [other for other, its in active.items() if isinstance(its, Mapping) and "_target_" in its]
            raise UnknownNameError(
                f"analysis: no analysis of that name was chosen (got {name!r}). "
                + (nearest(name, known) if known else "Choose some with analysis=[default].")
            )
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
            raise ConfigError(f"{where}: a name must be letters, digits, '_', '.' or '-' (got {name!r}).")
        function = load_function(target, where) if isinstance(target, str) else target
        arguments = {key: value for key, value in entry.items() if key != "_target_"}
        check_call(function, arguments, where)
        analyses[name] = functools.partial(function, **arguments)
    return analyses


def functions(references: Any, where: str) -> tuple[Callable[..., Any], ...]:
    """Find the functions `f(sim)` that `before` or `after` name; functions themselves are taken as they are.

    Raises:
        ConfigError: the option is no list, or a function cannot be called with a simulation alone.
        UnknownNameError: no such function.
    """
    if not isinstance(references, list | tuple):
        raise ConfigError(f"{where}: must be a list of functions (got {references!r}). Write {where}=[file.py:name].")
    found = tuple(item if callable(item) else load_function(str(item), where) for item in references)
    for function in found:
        check_call(function, {}, where)
    return found


def reference(function: Any) -> str:
    """Write how a function could be named on the command line, as far as it could."""
    if isinstance(function, str):
        return function
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", repr(function))
    try:
        file = inspect.getsourcefile(inspect.unwrap(function))  # not that of a decorator
    except TypeError:
        file = None
    if module in (None, "__main__") or str(module).startswith("topo_exp_user_"):
        return f"{file}:{name}" if file and Path(file).is_file() else str(name)
    return f"{module}.{name}"


def _check_names(config: Mapping[str, Any], loaded: LoadedModel) -> None:
    hidden = {name for name, option in declared(RunOptions).items() if (option.precedence or 0) < 0}
    known = {*declared(RunOptions), *GROUPS, *declared(loaded.cls)} - hidden
    for name in config:
        if name not in known and name not in hidden:
            raise UnknownNameError(
                f"{name}: must be a parameter of model {loaded.name} or an option of the run "
                f"(got {name!r}). {nearest(name, known)}"
            )


def _check_sources(analyses: Mapping[str, Callable[..., Any]], chosen: Mapping[str, Any]) -> None:
    """Refuse an analysis of the maps of another one that is not there, for it would find nothing without a word."""
    from topo_exp.analysis.result import subject_of

    for name, analysis in analyses.items():
        source = getattr(analysis, "keywords", {}).get("of")
        if subject_of(analysis) == "simulation" or not isinstance(source, str):
            continue
        if not any(source == other or source.startswith(f"{other}.") for other in chosen):
            raise UnknownNameError(
                f"analysis.{name}.of: must be the name of a chosen analysis (got {source!r}). {nearest(source, chosen)}"
            )


def _make_model(
    loaded: LoadedModel, values: Mapping[str, Any], named: Sequence[str]
) -> tuple[param.Parameterized, dict[str, Any]]:
    """Make the model, and tell which of its parameters are the user's: named, or other than the default."""
    declarations = declared(loaded.cls)
    values = checked(loaded.cls, values, where=loaded.label)
    ours = {
        name: value
        for name, value in values.items()
        if name in named or naming.canonical(plain(value)) != naming.canonical(plain(declarations[name].default))
    }
    return make_model(loaded, ours), {name: plain(value) for name, value in ours.items()}


def make_model(loaded: LoadedModel, values: Mapping[str, Any]) -> param.Parameterized:
    """Make a model with checked values; what it raises itself about their combination is a ParameterError."""
    try:
        return loaded.cls(**values)
    except (ValueError, TypeError) as error:
        if isinstance(error, ParameterError | ModelError | ConfigError):
            raise
        shown = ", ".join(f"{name}={value!r}" for name, value in values.items())
        raise ParameterError(f"{loaded.label}: must accept its parameters (got {shown}): {error}") from error


def analysis_record(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Write the chosen analyses and their options as plain data, functions by their references."""
    return {
        name: {key: reference(value) if key == "_target_" else plain(value) for key, value in entry.items()}
        for name, entry in chosen.items()
        if entry is not None
    }


def _abbreviations(names: Any) -> dict[str, str]:
    if names is None:
        return {}
    if isinstance(names, Mapping):
        return {str(name): str(short) for name, short in names.items()}
    if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
        return {name: name for name in names}
    raise ConfigError(
        f"param_names: must be a mapping or a list of names (got {names!r}). Write param_names={{cortex_density:cd}}."
    )


def _moment(timestamp: str | None, sweep_time: str | None) -> datetime:
    text = timestamp or sweep_time
    if text is None:
        return datetime.now()
    digits = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
    try:
        if text.isdigit() and len(text) in digits:
            return datetime.strptime(text, digits[len(text)])
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ParameterError(
            f"timestamp: must be a date (got {text!r}). Write timestamp=2026-11-22T11:37 or timestamp=202611221137."
        ) from error


def _enumerated(cls: type[param.Parameterized]) -> list[str]:
    """List the parameters that choose from texts which differ in more than letter case."""
    found = []
    for name, declaration in declared(cls).items():
        objects = list(declaration.objects) if isinstance(declaration, param.Selector) else []
        if objects and all(isinstance(item, str) for item in objects):
            found += [name] if len({item.lower() for item in objects}) == len(objects) else []
    return found


def _is_seed(name: str, value: Any) -> bool:
    return (name == "seed" or name.endswith("_seed")) and isinstance(value, int) and not isinstance(value, bool)
