"""Tell Hydra what the code declares: models, their parameters, a run's options and users' own functions.

Hydra reads its configuration from sources. This one has no files: whatever Hydra asks for, `options`, `model/tiny`,
`model/path/to/my_model.py` or `analysis/my_file.py:drift`, is made from the `param` declarations at that moment. So
parameters are declared once, in Python, and work in overrides, experiment files, multirun and tab completion alike.
"""

from typing import Any

from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigLoadError, ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from topo_exp.compose.loading import load_model, model_names
from topo_exp.compose.schema import RunOptions, defaults

SCHEME = "topo-exp"


def register() -> None:
    """Make the source known to Hydra in this process; doing it again changes nothing."""
    for plugin in (DeclaredSource, DeclaredSearchPath):
        Plugins.instance().register(plugin)


class DeclaredSearchPath(SearchPathPlugin):
    """Put the source behind the directories of configuration files, so that files can replace what is declared."""

    def manipulate_search_path(self, search_path: Any) -> None:
        """Append the source."""
        search_path.append("topo_exp", f"{SCHEME}://")


class DeclaredSource(ConfigSource):
    """Serve configurations made from declarations."""

    @staticmethod
    def scheme() -> str:
        """Name the part before `://` by which Hydra finds this source."""
        return SCHEME

    def load_config(self, config_path: str) -> ConfigResult:
        """Make the configuration of that path.

        Raises:
            TopoExpError: the model or function that it names is not there, or cannot be used.
        """
        group, name = _parts(config_path)
        if (group, name) == ("", "options"):
            content, package = defaults(RunOptions), "_global_"
        elif group == "model":
            content, package = {"model": name, **defaults(load_model(name).cls)}, "_global_"
        elif group == "analysis":
            content, package = {_function_name(name): {"_target_": name}}, "analysis"
        else:
            raise ConfigLoadError(f"no configuration of that name (got {config_path!r})")
        return ConfigResult(
            provider=self.provider, path=f"{SCHEME}://", config=OmegaConf.create(content), header={"package": package}
        )

    def available(self) -> bool:
        """Tell that the source can be used: always."""
        return True

    def is_group(self, config_path: str) -> bool:
        """Tell whether a path is one of the groups that the source adds to."""
        return config_path.rstrip("/") in ("", "model", "analysis")

    def is_config(self, config_path: str) -> bool:
        """Tell whether a path names something that can be made; whether it really exists, loading will say."""
        group, name = _parts(config_path)
        if group == "model":
            return name.endswith(".py") or name in model_names()
        if group == "analysis":
            return bool(_function_name(name))
        return (group, name) == ("", "options")

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """List what is below a path, for tab completion and for messages."""
        if results_filter != ObjectType.CONFIG and not config_path:
            return ["analysis", "model"]
        if results_filter != ObjectType.GROUP and config_path.rstrip("/") == "model":
            return model_names()
        return []


def _parts(config_path: str) -> tuple[str, str]:
    """Split `group/name.yaml`; only the first slash parts them, as the name may be a path itself."""
    group, slash, name = config_path.removesuffix(".yaml").partition("/")
    return (group, name) if slash else ("", group)


def _function_name(reference: str) -> str:
    """Find the function in `file.py:function` or `package.module.function`; empty if it is neither."""
    path, _, name = reference.rpartition(":" if ".py:" in reference else ".")
    return name if path and name.isidentifier() and not reference.endswith(".py") else ""
