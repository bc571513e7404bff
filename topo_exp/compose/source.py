"""A configuration source for Hydra, made from declarations: models, parameters, options and users' own functions.

Hydra reads its configuration from sources. This one has no files: each configuration that Hydra requests, `options`,
`model/tiny`, `model/path/to/my_model.py` or `analysis/my_file.py:drift`, is made from the `param` declarations. So
parameters are declared once, in Python, and work in overrides, experiment files, multirun and tab completion alike.
"""

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigLoadError, ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from topo_exp.compose.loading import load_model, model_names
from topo_exp.compose.schema import declared, defaults
from topo_exp.runner.options import OPTIONS
from topo_exp.typing import Data

SCHEME = "topo-exp"


def register_config_source() -> None:
    """Register the source with Hydra in this process; a second call changes nothing."""
    for plugin in (DeclaredSource, DeclaredSearchPath):
        Plugins.instance().register(plugin)


class DeclaredSearchPath(SearchPathPlugin):
    """Append the source to the directories of configuration files, so that files override declarations."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append the source."""
        search_path.append("topo_exp", f"{SCHEME}://")


class DeclaredSource(ConfigSource):
    """Serve configurations made from declarations."""

    @staticmethod
    def scheme() -> str:
        """Return the part before `://` by which Hydra finds this source."""
        return SCHEME

    def load_config(self, config_path: str) -> ConfigResult:
        """Make the configuration of that path.

        Raises:
            TopoExpError: the model that the path names does not exist, or cannot be used.
        """
        group, name = _parts(config_path)
        content: dict[str, Data]
        if (group, name) == ("", "options"):
            content, package = defaults(OPTIONS), "_global_"
        elif group == "model":
            content, package = {"model": name, **defaults(declared(load_model(name).cls))}, "_global_"
        elif group == "analysis":
            content, package = {_function_name(name): {"_target_": name}}, "analysis"
        else:
            raise ConfigLoadError(f"no configuration of that name (got {config_path!r})")
        return ConfigResult(
            provider=self.provider, path=f"{SCHEME}://", config=OmegaConf.create(content), header={"package": package}
        )

    def available(self) -> bool:
        """Return True: the source can always be used."""
        return True

    def is_group(self, config_path: str) -> bool:
        """Return True for the groups that the source adds to."""
        return config_path.rstrip("/") in ("", "model", "analysis")

    def is_config(self, config_path: str) -> bool:
        """Return True for a path from which a configuration can be made; loading it checks that its target exists."""
        group, name = _parts(config_path)
        if group == "model":
            return name.endswith(".py") or name in model_names()
        if group == "analysis":
            return bool(_function_name(name))
        return (group, name) == ("", "options")

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """List the entries below a path, for tab completion and for messages."""
        if results_filter != ObjectType.CONFIG and not config_path:
            return ["analysis", "model"]
        if results_filter != ObjectType.GROUP and config_path.rstrip("/") == "model":
            return model_names()
        return []


def _parts(config_path: str) -> tuple[str, str]:
    """Split `group/name.yaml` at the first slash, since the name may be a path itself."""
    group, slash, name = config_path.removesuffix(".yaml").partition("/")
    return (group, name) if slash else ("", group)


def _function_name(reference: str) -> str:
    """Find the function in `file.py:function` or `package.module.function`; empty if it is neither."""
    path, _, name = reference.rpartition(":" if ".py:" in reference else ".")
    return name if path and name.isidentifier() and not reference.endswith(".py") else ""
