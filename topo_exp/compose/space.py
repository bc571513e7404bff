"""Words of a command line as a space of settings.

Hydra's own forms of a sweep are read as they are: `a=1,2`, `choice`, `range`, `glob`, `shuffle`, `sort`, casts and
`interval`. Hydra's grammar takes calls of any function, so further ones are added to its parser here:

    contrast=linspace(0,100,5)   strength=geomspace(0.1,10,5)                  lists of values
    x=uniform(0,1)  x=log_uniform(0.1,1)  n=integers(1,5)  kind=one_of(a,b)    distributions, for sweep.sample
    sweep.sample=20  sweep.sample={n:20,seed:1,method:sobol}  sweep.zip=[a,b]  sweep.replicates={input_seed:8}
    "sweep.exclude=contrast > 50 and not homeostasis"  sweep.csv=points.csv

Words `sweep.NAME=...` set entries of the mapping `sweep:`, whose grammar `topo_exp.sweeps.grammar` describes, and the
words that vary a setting are settings of the same mapping.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import param
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser, create_functions
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, QuotedString
from hydra.core.override_parser.types import Sweep as HydraSweep
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from topo_exp.compose.overrides import parsed
from topo_exp.compose.schema import SWEEP_NODE
from topo_exp.errors import ConfigError, TopoExpError, UnknownNameError, nearest
from topo_exp.sweeps.nodes import RESERVED
from topo_exp.sweeps.ranges import values_of
from topo_exp.sweeps.sampling import DISTRIBUTIONS, distribution
from topo_exp.sweeps.search import ENTRY
from topo_exp.sweeps.space import Sweep
from topo_exp.sweeps.values import Value, literal, plain

RANGES = ("linspace", "geomspace")
"""Functions for lists of values that Hydra's grammar does not have."""

_LISTS = ("times", "analysis")
_LIST_KINDS = (param.List, param.Tuple, param.ListSelector, param.Array)
_TEXTS = ("sweep.exclude", "sweep.csv", "sweep.record")
_CALL = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*\(")


@dataclass
class Drawn(HydraSweep):
    """Value of a word that is a distribution."""

    data: dict[str, Value] | None = None


@dataclass(frozen=True)
class SweepWords:
    """The words of a command line, sorted.

    Attributes:
        varying: Settings that vary -> their values or distribution, in the grammar of `sweep:`.
        constant: Settings with one plain value.
        node: Words `sweep.NAME=...`, to be composed with the configuration.
        others: All further words: Hydra's own settings, deletions, values that refer to other settings.
    """

    varying: dict[str, object]
    constant: dict[str, Value]
    node: list[str]
    others: list[str]

    @property
    def base(self) -> list[str]:
        """The words that do not vary, from which the configuration common to all points is composed."""
        return [*(f"{name}={literal(value)}" for name, value in self.constant.items()), *self.node, *self.others]

    def space(self, node: Mapping[str, object] | None = None, *, base: Path | None = None) -> Sweep:
        """Make the space of the words and the mapping `sweep:` of the composed configuration.

        A setting on the command line replaces the setting of the same name in the mapping.

        Args:
            node: The mapping, as plain data; it holds what the words `sweep.NAME=...` set.
            base: Directory that paths in it start from; the working directory if None.

        Raises:
            ConfigError: They do not describe a space.
        """
        return Sweep.from_data(self.data(node), base=base)

    def data(self, node: Mapping[str, object] | None = None) -> dict[str, object]:
        """Merge the words with the mapping `sweep:`, in its grammar; the arguments are those of `space`."""
        given: dict[str, object] = {**self.varying, **{name: [value] for name, value in self.constant.items()}}
        reserved = {*RESERVED, ENTRY}
        kept = {name: entry for name, entry in (node or {}).items() if name in reserved or name not in given}
        own = kept.get("settings", {})
        own = {name: entry for name, entry in own.items() if name not in given} if isinstance(own, Mapping) else {}
        return {**kept, "settings": {**own, **given}}


def space_of(settings: Mapping[str, object], declarations: Mapping[str, param.Parameter]) -> Sweep:
    """Make the space of settings given in Python, as `Sweep(settings)` does, except where a setting takes a list.

    For such a setting, `times` for example, a list is one value, and a list of lists gives the values.

    Args:
        settings: Name -> value or values.
        declarations: Name -> declaration, of the model's parameters and the run's options.

    Raises:
        ConfigError: A name or value is not a setting's.
    """
    return Sweep(values_by_name(settings, declarations))


def values_by_name(settings: Mapping[str, object], declarations: Mapping[str, param.Parameter]) -> dict[str, object]:
    """Return settings given in Python in the grammar of `sweep:`; the arguments are those of `space_of`."""
    given: dict[str, object] = {}
    for name, values in settings.items():
        takes_list = name in _LISTS or isinstance(declarations.get(name), _LIST_KINDS)
        is_one = isinstance(values, list | tuple) and not (
            values and all(isinstance(item, list | tuple) for item in values)
        )
        given[name] = [values] if takes_list and is_one else values
    return given


def split_words(words: Iterable[str], *, config_loader: ConfigLoader | None = None) -> SweepWords:
    """Sort the words of a command line into those that vary, those that do not, and those about the sweep.

    A later word for a setting replaces an earlier one.

    Args:
        words: Overrides as a user writes them.
        config_loader: Hydra's, needed for `glob` over the files of a group.

    Raises:
        ConfigError: A word is not an override, or its values cannot be listed.
        UnknownNameError: A function in a word is unknown.
    """
    result = SweepWords({}, {}, [], [])
    parser = _parser()
    for word in words:
        name, _, text = word.lstrip("+").partition("=")
        if name in _TEXTS:
            result.node.append(f"{name}={_literal_text(text, parser)}")
            continue
        override = _parsed(word, parser)
        override.config_loader = config_loader
        _sort(override, result)
    return result


def base_words(words: Iterable[str]) -> list[str]:
    """Return the words that do not vary, as `SweepWords.base` does, without listing the values of the others.

    Raises:
        ConfigError: A word is not an override.
        UnknownNameError: A function in a word is unknown.
    """
    result = SweepWords({}, {}, [], [])
    parser = _parser()
    for word in words:
        name, _, text = word.lstrip("+").partition("=")
        if name in _TEXTS:
            result.node.append(f"{name}={_literal_text(text, parser)}")
        else:
            _sort(_parsed(word, parser), result, with_values=False)
    return result.base


def _sort(override: Override, result: SweepWords, *, with_values: bool = True) -> None:
    """Put one word where it belongs."""
    key = override.key_or_group
    name = key if override.package is None else f"{key}@{override.package}"
    varies = override.is_sweep_override() or isinstance(override.value(), Drawn)
    if key == SWEEP_NODE or key.startswith(f"{SWEEP_NODE}."):
        if varies:
            raise ConfigError(
                f"{key}: an entry of the sweep must have one value (got {override.input_line!r}). "
                f"To vary a setting write it alone, {key.removeprefix(SWEEP_NODE + '.')}=..."
            )
        result.node.append(str(override.input_line).lstrip("+"))
        return
    if override.is_delete() or override.is_hydra_override():
        result.others.append(str(override.input_line))
        return
    result.varying.pop(name, None)
    result.constant.pop(name, None)
    if varies:
        result.varying[name] = _values(override, name) if with_values else None
        return
    try:
        result.constant[name] = _plain(override.value(), name)
    except OmegaConfBaseException:  # it refers to another setting, whose value only the composition knows
        result.others.append(str(override.input_line))


def _values(override: Override, name: str) -> object:
    """Return the values of a word that varies, in the grammar of `sweep:`."""
    value = override.value()
    if isinstance(value, Drawn):
        return value.data
    if isinstance(value, IntervalSweep):
        return _interval(value, name)
    try:
        listed = [_plain(item, name) for item in override.sweep_iterator()]
    except OmegaConfBaseException as error:
        raise ConfigError(
            f"{name}: values that vary must not refer to other settings (got {override.input_line!r}). "
            "Write the values."
        ) from error
    except HydraException as error:
        raise ConfigError(
            f"{name}: must list its values (got {override.input_line!r}: {error}). Write them."
        ) from error
    if not listed:
        raise ConfigError(f"{name}: must have at least one value (got {override.input_line!r}). Correct the pattern.")
    return listed


def _interval(value: IntervalSweep, name: str) -> dict[str, Value]:
    """Read Hydra's `interval` as a distribution, as its sweepers for searches do."""
    unknown = set(value.tags) - {"log"}
    if unknown:
        raise UnknownNameError(
            f"{name}: has no tag of that name (got {sorted(unknown)[0]!r}). {nearest(sorted(unknown)[0], ['log'])}"
        )
    is_whole = isinstance(value.start, int) and isinstance(value.end, int)
    kind = "log_uniform" if value.tags else "integers" if is_whole else "uniform"
    return distribution(kind, [value.start, value.end], name).data()


def _plain(value: Any, name: str) -> Value:
    """Return a parsed value as plain data, with Hydra's quotes and OmegaConf's escapes removed.

    Raises:
        OmegaConfBaseException: It refers to another setting.
    """
    unquoted = _unquoted(value, name)
    if "${" in str(unquoted):
        unquoted = OmegaConf.to_container(OmegaConf.create({"value": unquoted}), resolve=True)["value"]  # type: ignore[index,call-overload]
    return plain(unquoted, name)


def _unquoted(value: Any, name: str) -> Any:
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [_unquoted(item, name) for item in value]
    if isinstance(value, dict):
        return {_unquoted(key, name): _unquoted(item, name) for key, item in value.items()}
    if isinstance(value, HydraSweep):
        raise ConfigError(f"{name}: a function must stand alone after the = (got it in a list). Write all values.")
    return value


def _parsed(word: str, parser: OverridesParser) -> Override:
    """Read one word, explaining errors in calls of functions."""
    key, _, text = word.partition("=")
    called = [name for name in _CALL.findall(text) if name in (*RANGES, *DISTRIBUTIONS)]
    try:
        return parser.parse_override(word) if called else parsed(word)
    except HydraException as error:
        if isinstance(error.__cause__, TopoExpError):
            raise error.__cause__ from error
        raise ConfigError(
            f"{key.lstrip('+')}: {called[0]} must stand alone after the = (got {word!r}). Write all values."
        ) from error
    except ConfigError as error:
        unknown = re.search(r"Unknown function '(\w+)'", str(error))
        if unknown is None:
            raise
        more = " geomspace takes the first and the last value, not exponents." if unknown[1] == "logspace" else ""
        known = (*parser.functions.functions, "sample", "zip")
        raise UnknownNameError(
            f"{key.lstrip('+')}: has no function of that name (got {word!r}). {nearest(unknown[1], known)}{more} "
            "A text with parentheses stands in quotes."
        ) from error


def _literal_text(text: str, parser: OverridesParser) -> str:
    """Quote the text of a condition or a path, unless it is quoted or a list already."""
    if text[:1] in ("'", '"', "["):
        try:
            return literal(_plain(parser.parse_override(f"text={text}").value(), "text"))
        except HydraException:
            pass  # such as 'a' == b: a condition that begins with a quote
    return literal(text)


def _parser() -> OverridesParser:
    """Make Hydra's parser with the functions of this module."""
    functions = create_functions()
    for name in RANGES:
        functions.register(name, _range_function(name))
    for name in DISTRIBUTIONS:
        functions.register(name, _distribution_function(name))
    return OverridesParser(functions=functions)


def _range_function(name: str) -> Callable[..., ChoiceSweep]:
    def call(*arguments: object) -> ChoiceSweep:
        return ChoiceSweep(list=list(values_of({name: list(arguments)}, "command line")))

    return call


def _distribution_function(name: str) -> Callable[..., Drawn]:
    def call(*arguments: object) -> Drawn:
        values: Sequence[Value] = [_plain(argument, name) for argument in arguments]
        return Drawn(data=distribution(name, values, "command line").data())

    return call
