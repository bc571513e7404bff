"""The words of a command line, sorted into flags and settings; mistakes are refused with the remedy."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from topo_exp.errors import ConfigError, UnknownNameError, nearest

FLAGS = {
    "-m": "--multirun",
    "-r": "--run",
    "-c": "--cfg",
    "-p": "--package",
    "-i": "--info",
    "-cd": "--config-dir",
    "-cn": "--config-name",
    "-sc": "--shell-completion",
}
"""Short forms of flags."""
VALUES: dict[str, tuple[str, ...]] = {
    "--cfg": ("job", "hydra", "all"),
    "--info": ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"),
    "--package": (),
    "--config-dir": (),
    "--config-name": (),
}
"""Flags that are followed by a value -> the values that they accept; all are accepted if none is listed."""
MODES = ("--multirun", "--run", "--cfg", "--info", "--shell-completion")
"""Flags of which a command line has one at most."""
WITHOUT_VALUE = ("--multirun", "--run", "--resolve", "--shell-completion", "--hydra-help")
REFUSED = {
    "--experimental-rerun": "it unpickles a file, which may run any program. Paste the first line of run.log instead.",
    "--config-path": "it hides the files of topo_exp. Use --config-dir for files of your own.",
}
"""Flags of Hydra that are not available here -> reason and remedy."""
SETTING_FLAGS = "For a setting write name=value, without dashes."


@dataclass(frozen=True)
class CommandLine:
    """The words of a command line, sorted.

    Args:
        flags: Flags by their long names, with their values; "" for a flag without one.
        overrides: Settings.
        directories: Further directories of configuration files, as `--config-dir` names them.
    """

    flags: dict[str, str] = field(default_factory=dict)
    overrides: list[str] = field(default_factory=list)
    directories: list[Path] = field(default_factory=list)

    @classmethod
    def read(cls, words: Sequence[str]) -> "CommandLine":
        """Separate flags from overrides, which may stand in any order.

        Raises:
            UnknownNameError: an unknown flag.
            ConfigError: a flag without its value, with a wrong one, or with another that excludes it.
        """
        line = cls()
        rest = list(words)
        while rest:
            word = rest.pop(0)
            if not word.startswith("-") or word == "-":
                line.overrides.append(word)
                continue
            given, equal, value = word.partition("=")
            flag = FLAGS.get(given, given)
            _check_flag(flag, word)
            if flag in VALUES and not equal:
                value = _value(flag, rest)
            elif flag in WITHOUT_VALUE and equal:
                raise ConfigError(f"{flag}: must have no value (got {word!r}). Write {flag} alone.")
            if flag in VALUES and VALUES[flag] and value not in VALUES[flag]:
                raise ConfigError(
                    f"{flag}: must be one of {', '.join(VALUES[flag])} (got {value!r}). Write one of them."
                )
            if flag == "--config-dir":
                line.directories.append(Path(value))
            line.flags[flag] = value
        modes = [flag for flag in MODES if flag in line.flags]
        if len(modes) > 1:
            raise ConfigError(f"command line: must have one of {', '.join(MODES)} (got {', '.join(modes)}). Leave one.")
        for flag in ("--resolve", "--package"):
            if flag in line.flags and "--cfg" not in line.flags:
                raise ConfigError(f"{flag}: must stand with --cfg (got it alone). Add --cfg job.")
        return line

    def has(self, *flags: str) -> bool:
        """Return True if one of the flags is present."""
        return any(flag in self.flags for flag in flags)

    @property
    def hydras(self) -> list[str]:
        """The flags as Hydra takes them, without those for directories."""
        given = {flag: value for flag, value in self.flags.items() if flag != "--config-dir"}
        return [part for flag, value in given.items() for part in (flag, value) if part]


def _check_flag(flag: str, word: str) -> None:
    if flag in REFUSED:
        raise ConfigError(f"{flag}: must not be used (got {word!r}): {REFUSED[flag]}")
    if flag in VALUES or flag in WITHOUT_VALUE:
        return
    if "=" in word:
        raise UnknownNameError(f"command line: settings stand without dashes (got {word!r}). Write {word.lstrip('-')}.")
    known = [*VALUES, *WITHOUT_VALUE, "--help", "--version", "--explain"]
    raise UnknownNameError(
        f"command line: has no flag of that name (got {word!r}). {nearest(flag, known)} {SETTING_FLAGS}"
    )


def _value(flag: str, rest: list[str]) -> str:
    """Take the value of a flag from the following words; `--info` has a default."""
    if flag == "--info" and (not rest or rest[0] not in VALUES[flag]):
        return "all"
    if not rest or rest[0].startswith("-") or ("=" in rest[0] and flag != "--config-dir"):
        choices = f" one of {', '.join(VALUES[flag])}" if VALUES[flag] else " a value"
        raise ConfigError(f"{flag}: must be followed by{choices} (got nothing). Add it.")
    return rest.pop(0)
