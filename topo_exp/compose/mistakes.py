"""Errors of Hydra, OmegaConf and YAML in one sentence that names the setting or the file."""

import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml  # type: ignore[import-untyped]  # it ships no type information
from hydra.errors import HydraException, MissingConfigException
from omegaconf.errors import OmegaConfBaseException

from topo_exp.compose.loading import model_names
from topo_exp.compose.schema import GROUPS, analysis_functions, conf_directory
from topo_exp.errors import ConfigError, TopoExpError, UnknownNameError, nearest
from topo_exp.runner.options import HIDDEN_OPTIONS, OPTIONS
from topo_exp.sweeps.values import shown

SEARCH_PATH = "hydra.searchpath"
LONGEST = 300
"""Characters of Hydra's own text that are shown."""


@contextmanager
def composition_errors(directories: Iterable[Path] = ()) -> Iterator[None]:
    """Turn every error of Hydra's work within the block into a ConfigError or UnknownNameError of one sentence.

    Hydra raises errors of many classes for a mistake in a file or a word. The block must contain composition only, so
    that no error of a run is taken for one of the configuration.

    Args:
        directories: further directories of configuration files.

    Raises:
        ConfigError, UnknownNameError: the block raised an error.
        BrokenPipeError: the program that reads the output has ended.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*is not available")
            yield
    except (TopoExpError, BrokenPipeError):
        raise
    except MissingConfigException as error:
        raise _missing(error, directories) from error
    except yaml.YAMLError as error:
        raise _malformed(error) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{_undecodable(directories)}: must be a text in UTF-8 (got byte 0x{error.object[error.start]:02x} at "
            f"position {error.start}). Save the file as UTF-8."
        ) from error
    except (HydraException, OmegaConfBaseException, UserWarning) as error:
        raise _composition_error(error) from error
    except Exception as error:
        raise ConfigError(
            f"configuration: must be one that Hydra can compose (got {type(error).__name__}: {_sentence(error)}). "
            "Correct the word or the file."
        ) from error


def _composition_error(error: Exception) -> ConfigError | UnknownNameError:
    text = _sentence(error)
    if isinstance(error, UserWarning):
        return ConfigError(
            f"{SEARCH_PATH}: must name directories that exist (got: {text.rstrip('.')}). Correct the path."
        )
    deleted = re.search(r"Could not delete (?:from config\. The value of |from config\. )?'([^']*)'", text)
    if deleted and deleted[1] in GROUPS:
        return ConfigError(f"{deleted[1]}: cannot be removed (got '~{deleted[1]}'). Write {deleted[1]}=[] for none.")
    if deleted:
        return UnknownNameError(
            f"{deleted[1]}: must be set for ~ to remove it (got '~{deleted[1]}'). "
            f"{nearest(deleted[1], set(OPTIONS) - HIDDEN_OPTIONS)}"
        )
    if "Cannot merge DictConfig with ListConfig" in text:
        return ConfigError(
            f"configuration: must have a mapping where others have one (got: {text.rstrip('.')}). A file chooses "
            "analyses in its defaults, `- override /analysis: [default]`."
        )
    unknown = re.search(r"Could not override '(hydra\.[^']*)'\. Key '([^']*)' (?:is not in struct|not in)", text)
    if unknown:
        return UnknownNameError(
            f"{unknown[1]}: no such setting (got {unknown[2]!r}). --cfg hydra shows those that there are."
        )
    return ConfigError(
        f"configuration: must be one that Hydra can compose (got: {text.rstrip('.')}). Correct the word or the file."
    )


def _malformed(error: yaml.YAMLError) -> ConfigError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        where = f"{mark.name}, line {mark.line + 1}, column {mark.column + 1}"
        problem = getattr(error, "problem", None) or getattr(error, "context", None)
    else:
        where = f"{getattr(error, 'name', 'configuration file')}, position {getattr(error, 'position', '?')}"
        problem = getattr(error, "reason", None)
    text = " ".join(str(problem or error).split())
    return ConfigError(f"{where}: must be plain YAML without tags (got: {text}). Correct the file.")


def _undecodable(directories: Iterable[Path]) -> Path | str:
    """Find the configuration file that is not UTF-8."""
    for directory in directories:
        for path in sorted(Path(directory).rglob("*.yaml")):
            try:
                path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                return path
    return "configuration file"


def _missing(error: MissingConfigException, directories: Iterable[Path]) -> ConfigError | UnknownNameError:
    file = error.missing_cfg_file or ""
    group, slash, name = file.rpartition("/") if file.startswith("hydra/") else file.partition("/")
    if not slash:
        return _composition_error(error)
    known = set(model_names()) if group == "model" else set()
    for place in (conf_directory(), *directories):
        known |= {path.stem for path in (Path(place) / group).glob("*.yaml")}
    single = analysis_functions().get(name) if group == "analysis" else None
    if single is not None:
        return UnknownNameError(
            f"analysis: no file of that name in conf/analysis (got {name!r}). It is a part of {single.file}; "
            f"write 'analysis=[{single.reference}]' for it alone."
        )
    own = {
        "analysis": "For a function of your own write path/to/file.py:function.",
        "model": "For a file of your own write model=path/to/file.py.",
    }
    advice = " ".join(part for part in (nearest(name, known) if known else "", own.get(group, "")) if part)
    return UnknownNameError(f"{group}: no such {group} (got {shown(name)}). {advice or 'Choose another name.'}")


def _sentence(error: BaseException) -> str:
    """Return the part of a message that describes the mistake, on one line."""
    texts = [str(error), str(error.__cause__ or "")]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    dropped = (
        "See https",
        "To append",
        "full_key:",
        "object_type=",
        "Set the environment",
        "Search path:",
        "Config search path:",
    )
    text = " ".join(line for line in lines if line and not line.startswith(dropped))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
