"""From composed settings to a `RunSpec`: every name and value is checked, every function is found.

Hydra is not needed from here on: the settings are plain data, and the runner executes the `RunSpec`.
"""

import functools
import inspect
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import param

from topo_exp.compose import naming
from topo_exp.compose.checks import check_encodable, check_output
from topo_exp.compose.loading import LoadedModel, Model, check_call, load_function, load_model
from topo_exp.compose.schema import GROUPS, SWEEP_NODE, checked, declared, plain
from topo_exp.errors import (
    ConfigError,
    ModelError,
    ParameterError,
    TopoExpError,
    UnknownNameError,
    described,
    nearest,
)
from topo_exp.runner.options import HIDDEN_OPTIONS, OPTIONS, RunOptions
from topo_exp.runner.spec import Analysis, Hook, RunSpec, Setting, SettingKind
from topo_exp.sweeps.options import SWEEP_OPTIONS
from topo_exp.typing import Data
from topo_exp.view.recorder import MlflowRecorder

if TYPE_CHECKING:
    from topo_exp.engine.simulation import Simulation

SHOWN_OTHERWISE = frozenset({"output_dir"})
"""Settings that distinguish runs by another part of the path than the name."""

AnalysisEntry: TypeAlias = Mapping[str, object]
"""An analysis as it was composed: `_target_`, its function or a reference to it, and its options."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The composed settings of one run, as plain data."""

    config: Mapping[str, Any]
    """Options, parameters of the model, `model` and `analysis`, all at the top level."""
    given: Mapping[str, Data] = field(default_factory=dict)
    """Names that the user set, in their order; for choices of files, with the value as it was written."""
    command: str
    """The command line that repeats the run."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Configuration files for the record, by name."""
    described_code: Path | None = None
    """Folder in which the origin of copied code is described; None for code that runs from its own place."""


def make_spec(settings: Settings) -> RunSpec:
    """Check all composed settings and make the description of the run.

    Args:
        settings: As they were composed.

    Returns:
        The description, in which nothing is left to be checked.

    Raises:
        UnknownNameError: a name that is neither an option nor a parameter of the model; a missing file or function.
        ParameterError: a value of the wrong kind or outside its bounds.
        ConfigError: anything else that does not describe a run.
        ModelError, AnalysisError: a user's file that cannot be used.
    """
    config = {name: value for name, value in settings.config.items() if name not in {SWEEP_NODE, *SWEEP_OPTIONS}}
    check_encodable(config)
    if "model" not in config:
        raise ConfigError("model: must be chosen (got none). Write model=NAME.")
    loaded = load_model(config.pop("model"))
    chosen = config.pop("analysis", None) or {}
    if config.pop("experiment", None) is not None:
        raise ConfigError("experiment: must be the name of a file (got settings). Write experiment=NAME.")
    _check_names(config, loaded)
    hooks = {when: functions(config.get(when) or [], when) for when in ("before", "after")}
    options = make_options({**config, **{when: [reference(hook) for hook in found] for when, found in hooks.items()}})
    check_output(options.output_dir, "output_dir")
    if options.metadata_dir is not None:
        check_output(options.metadata_dir, "metadata_dir")
    if options.sweep_dir is not None:
        options = replace(options, output_dir=options.sweep_dir)
    declarations = declared(loaded.cls)
    values = {name: value for name, value in config.items() if name in declarations}
    model, set_parameters = _make_model(loaded, values, settings.given)
    analyses = make_analyses(chosen)
    _check_sources(analyses, chosen)
    parameters = {name: plain(getattr(model, name)) for name in declared(loaded.cls)}
    chosen_settings = _chosen_settings(settings, set_parameters, options)
    given = _naming_settings(chosen_settings, options)
    return RunSpec(
        model=loaded.name,
        build=functools.partial(build_simulation, model, options.engine),
        parameters=parameters,
        given=given,
        settings=chosen_settings,
        seeds={name: value for name, value in parameters.items() if _is_seed(name, value)},
        options=options,
        analyses=analyses,
        analysis_config=analysis_record(chosen),
        before=hooks["before"],
        after=hooks["after"],
        views=(MlflowRecorder,) if options.tracking == "mlflow" else (),
        directory_name=naming.directory_name(
            loaded.name,
            given,
            timestamp=run_date(options.timestamp, options.sweep_time),
            time_format=options.name_time_format,
            prefix=options.dirname_prefix,
            tag=options.tag,
            abbreviations=options.param_names,
            parameters=parameters,
            enumerated=_enumerated(loaded.cls),
            max_length=options.max_name_length,
        ),
        command=settings.command,
        config=settings.texts,
        model_source=loaded.source,
        described_code=settings.described_code,
    )


def build_simulation(model: Model, engine: str | None = None) -> "Simulation":
    """Build the simulation of a model.

    Args:
        model: With its parameters.
        engine: The implementation that simulates; as the model declares if None.

    Returns:
        The simulation, at time 0.

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
    if engine is not None and sim.engine != engine:
        sim.engine = engine
    return sim


def make_options(config: Mapping[str, object]) -> RunOptions:
    """Check the options of a run among composed settings; options that are absent have their defaults.

    Args:
        config: Option -> value; other settings are ignored.

    Raises:
        ParameterError: a value of the wrong kind or outside its bounds.
    """
    values = {name: config.get(name, declaration.default) for name, declaration in OPTIONS.items()}
    return RunOptions.read(checked(OPTIONS, values))


def make_analyses(chosen: Mapping[str, AnalysisEntry | None]) -> dict[str, Analysis]:
    """Find the functions of the chosen analyses, check that they can be called, and bind their options.

    Args:
        chosen: name -> {`_target_`: function or reference to one, option: value ...}; None switches an entry off.

    Raises:
        UnknownNameError: no such function, or it has no such option.
        ConfigError: an entry without function.
    """
    if not isinstance(chosen, Mapping):
        raise ConfigError(f"analysis: must be a list of names (got {chosen!r}). Write analysis=[default].")
    analyses: dict[str, Analysis] = {}
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
        if not callable(function):
            raise ConfigError(f"{where}: must be a function (got {function!r}). Name a function f(sim).")
        arguments = {key: value for key, value in entry.items() if key != "_target_"}
        check_call(function, arguments, where)
        analyses[name] = functools.partial(function, **arguments)
    return analyses


def functions(references: object, where: str) -> tuple[Hook, ...]:
    """Find the functions `f(sim)` that `before` or `after` name.

    Args:
        references: List of references `file.py:name` or `package.module.name`, or of functions, which are returned
            as they are.
        where: Name of the option, for messages.

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


def reference(function: object) -> str:
    """Return the name of a function on the command line, as far as it has one."""
    if isinstance(function, str):
        return function
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", repr(function))
    try:
        # unwrapped, to find the function's own file and not that of its decorator
        file = inspect.getsourcefile(inspect.unwrap(function))  # type: ignore[arg-type]  # a TypeError is handled
    except TypeError:
        file = None
    if module in (None, "__main__") or str(module).startswith("topo_exp_user_"):
        return f"{file}:{name}" if file and Path(file).is_file() else str(name)
    return f"{module}.{name}"


def _check_names(config: Mapping[str, Any], loaded: LoadedModel) -> None:
    known = {*OPTIONS, *GROUPS, *SWEEP_OPTIONS, *declared(loaded.cls)} - HIDDEN_OPTIONS
    for name in config:
        if name not in known and name not in HIDDEN_OPTIONS:
            raise UnknownNameError(
                f"{name}: must be a parameter of model {loaded.name} or an option of the run "
                f"(got {name!r}). {nearest(name, known)}"
            )


def _check_sources(analyses: Mapping[str, Analysis], chosen: Mapping[str, Any]) -> None:
    """Raise if an analysis of maps names a source that was not chosen: it would find nothing and report nothing."""
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
    loaded: LoadedModel, values: Mapping[str, Any], named: Collection[str]
) -> tuple[Model, dict[str, Data]]:
    """Make the model, and return with it the parameters that the user set: by name, or to another value."""
    declarations = declared(loaded.cls)
    values = checked(declarations, values, where=loaded.label)
    ours = {
        name: value
        for name, value in values.items()
        if name in named or naming.canonical(plain(value)) != naming.canonical(plain(declarations[name].default))
    }
    return make_model(loaded, ours), {name: plain(value) for name, value in ours.items()}


def make_model(loaded: LoadedModel, values: Mapping[str, object]) -> Model:
    """Make a model with checked values.

    Args:
        loaded: Its class.
        values: Parameter -> value; the others have their defaults.

    Raises:
        ParameterError: the model refuses the combination of the values.
    """
    try:
        return loaded.cls(**values)
    except TopoExpError:
        raise
    except (Exception, SystemExit) as error:
        combination = ", ".join(f"{name}={value!r}" for name, value in values.items())
        kind = ParameterError if isinstance(error, ValueError | TypeError) else ModelError
        raise kind(
            f"{loaded.label}: must accept its parameters (got {combination or 'none'}, and {described(error)}). "
            "Change them, or the model."
        ) from error


def analysis_record(chosen: Mapping[str, AnalysisEntry | None]) -> dict[str, Data]:
    """Write the chosen analyses and their options as plain data, functions by their references."""
    return {
        name: {key: reference(value) if key == "_target_" else plain(value) for key, value in entry.items()}
        for name, entry in chosen.items()
        if entry is not None
    }


def _chosen_settings(settings: Settings, parameters: Mapping[str, Data], options: RunOptions) -> dict[str, Setting]:
    """List everything that the user set, with its kind: on the command line, or as a parameter in a file."""
    chosen: dict[str, Setting] = {}
    for name in {**settings.given, **parameters}:
        if (
            name in HIDDEN_OPTIONS
            or name.startswith("hydra")
            or (name == "model" and not _is_swept_file(name, options, settings))
        ):
            continue
        kind: SettingKind
        if name in parameters:
            kind, value = "parameter", parameters[name]
        elif name in OPTIONS:
            kind, value = "option", _readable_option(name, settings.config.get(name), options)
        elif name == "analysis":
            kind, value = "analysis", settings.given[name]
        elif name.startswith("analysis."):
            kind = "analysis option" if name.count(".") > 1 else "analysis"
            value = _recorded_value(settings.config, name)
        else:
            kind, value = "experiment" if name == "experiment" else "other", settings.given[name]
        chosen[name] = Setting(kind, value, is_swept=name in options.sweep_names)
    return chosen


def _is_swept_file(name: str, options: RunOptions, settings: Settings) -> bool:
    """Return True for a model that varies and stands in a folder: files in different folders may have one name."""
    text = str(settings.given.get(name))
    return name in options.sweep_names and text.endswith(".py") and "/" in text


def _readable_option(name: str, value: object, options: RunOptions) -> Data:
    """Return the value of an option as plain data; functions by their references."""
    return plain(getattr(options, name) if name in ("before", "after") else value)


def _recorded_value(config: Mapping[str, Any], path: str) -> Data:
    """Return the value at a dotted path, as plain data; None if there is none."""
    found: object = config
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    if isinstance(found, Mapping):
        found = {key: reference(item) if callable(item) else item for key, item in found.items()}
    return plain(reference(found) if callable(found) else found)


def _naming_settings(settings: Mapping[str, Setting], options: RunOptions) -> dict[str, Data]:
    """Return the settings that name the run: parameters that were set, and any other setting that is swept."""
    named = [
        name
        for name, setting in settings.items()
        if setting.kind == "parameter" or (setting.is_swept and name not in SHOWN_OTHERWISE)
    ]
    return {name: settings[name].value for name in naming.ordered(named, options.param_names)}


def run_date(timestamp: str | None, sweep_time: str | None) -> datetime:
    """Return the date in the name of a run: of the option, else the begin of the sweep, else now.

    Raises:
        ParameterError: The option is no date.
    """
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
    """List the parameters that choose among texts, no two of which differ in letter case only."""
    found = []
    for name, declaration in declared(cls).items():
        objects = list(declaration.objects) if isinstance(declaration, param.Selector) else []
        if objects and all(isinstance(item, str) for item in objects):
            found += [name] if len({item.lower() for item in objects}) == len(objects) else []
    return found


def _is_seed(name: str, value: Data) -> bool:
    return (name == "seed" or name.endswith("_seed")) and isinstance(value, int) and not isinstance(value, bool)
