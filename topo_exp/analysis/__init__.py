"""Measurements on a frozen simulation, and the numbers and pictures made from them.

Each name is imported when it is first used, so that importing this package loads neither scipy, xarray nor matplotlib:
`topo_exp.analysis.orientation_map(sim)`, `topo_exp.analysis.Result`, `topo_exp.analysis.plots`.
"""

from importlib import import_module

from topo_exp.errors import nearest

_MODULES = (
    "catalogue",
    "default",
    "features",
    "fields",
    "homogeneity",
    "line_maps",
    "maps",
    "metrics",
    "pinwheels",
    "plots",
    "preference",
    "presentation",
    "responses",
    "retinotopy",
    "spectrum",
    "stability",
    "tuning",
)

_WHERE = {
    "Presentation": "presentation",
    "Result": "result",
    "activity": "default",
    "connection_fields": "fields",
    "contrast_response": "tuning",
    "development": "over_time",
    "direction_map": "maps",
    "disparity_map": "maps",
    "feature_map": "feature_maps",
    "full_field_response": "tuning",
    "line_map": "line_maps",
    "map_quality": "quality",
    "ocular_dominance_map": "maps",
    "orientation_map": "maps",
    "orientation_map_gaussians": "maps",
    "orientation_quality": "quality",
    "orientation_tuning": "tuning",
    "position_map": "maps",
    "receptive_fields": "reverse_correlation",
    "retinotopic_map": "retinotopy",
    "size_tuning": "tuning",
    "spatial_frequency_map": "maps",
    "spatial_frequency_tuning": "tuning",
    "standard_gaussian": "default",
}


def __getattr__(name: str) -> object:
    """Import a name when it is first used."""
    if name in _WHERE:
        return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}. {nearest(name, [*_WHERE, *_MODULES])}")


def __dir__() -> list[str]:
    """List the names that can be imported."""
    return sorted([*_WHERE, *_MODULES, *(name for name in globals() if name.startswith("__"))])
