"""The pictures of many runs, encoded so small that one page holds them all."""

from __future__ import annotations

import base64
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from topo_exp.record.pictures import cell_of

if TYPE_CHECKING:
    from PIL.Image import Image

BUDGET = 11_000_000
"""Bytes of all pictures of a page, before Base64, which makes four characters of three bytes."""
SAMPLED = 4
"""Pictures of a name that are encoded to estimate the size of all of that name."""
LARGEST_PIXELS = 20_000_000
"""Pixels of a file that is still decoded; a larger one is no picture for a page."""


@dataclass(frozen=True)
class Form:
    """One way to encode a picture as WebP.

    Attributes:
        side: Its longer side is at most so long, in pixels.
        quality: Of the lossy encoding, 0 to 100; None for the lossless one.
    """

    side: int
    quality: int | None


LOSSLESS = Form(300, None)
FORMS = (LOSSLESS, Form(300, 80), Form(220, 75), Form(150, 70), Form(100, 60))
"""From good to small. Maps of few units are smallest without loss, which also keeps their edges sharp."""


@dataclass
class PictureSet:
    """Pictures as data URIs, each different one once.

    Attributes:
        uris: The pictures.
        places: File -> its place in `uris`.
        reduced: Names whose pictures are smaller than the others, to stay within the budget.
        left_out: Names without pictures, for the same reason.
        damaged: Files that cannot be read as a picture, each with the reason.
    """

    uris: list[str] = field(default_factory=list)
    places: dict[Path, int] = field(default_factory=dict)
    reduced: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def encode_pictures(files: Iterable[tuple[str, Path]], *, budget: int = BUDGET) -> PictureSet:
    """Encode pictures so that all together keep within a number of bytes.

    Each name is encoded without loss, or with little loss where a sample of it is smaller then. While all together are
    too large, the name that needs most bytes is given the next smaller form, and is left out after the smallest.

    Args:
        files: Name and file of each picture; the smaller file that a run keeps for cells of a table is taken.
        budget: Largest sum of the sizes, in bytes.

    Returns:
        The pictures.
    """
    by_name: dict[str, list[Path]] = defaultdict(list)
    for name, path in files:
        by_name[name].append(path)
    estimates = {name: _estimates(paths) for name, paths in by_name.items()}
    done: dict[tuple[str, int], list[bytes | str]] = {}
    target = float(budget)
    with ThreadPoolExecutor(2) as pool:
        while True:
            levels = _levels(estimates, target)
            kept = [name for name in by_name if levels[name] < len(FORMS)]
            for name in kept:
                if (name, levels[name]) not in done:
                    form = FORMS[levels[name]]
                    done[name, levels[name]] = list(pool.map(partial(_encoded, form=form), by_name[name]))
            total = sum(len(each) for name in kept for each in done[name, levels[name]] if isinstance(each, bytes))
            if total <= budget:
                break
            target *= 0.95 * budget / total  # the samples were smaller than the rest
    found = PictureSet(
        reduced=[name for name in kept if FORMS[levels[name]].side < LOSSLESS.side],
        left_out=[name for name in by_name if name not in kept],
    )
    for name in kept:
        _add(found, zip(by_name[name], done[name, levels[name]], strict=True))
    return found


def _add(found: PictureSet, contents: Iterable[tuple[Path, bytes | str]]) -> None:
    """Add encoded pictures; equal ones share a place."""
    known = {uri: place for place, uri in enumerate(found.uris)}
    for path, content in contents:
        if isinstance(content, str):
            found.damaged.append(content)
            continue
        uri = f"data:image/webp;base64,{base64.b64encode(content).decode()}"
        found.places[path] = known.setdefault(uri, len(found.uris))
        if found.places[path] == len(found.uris):
            found.uris.append(uri)


def _levels(estimates: Mapping[str, Sequence[float]], target: float) -> dict[str, int]:
    """Choose the form of each name, a place in FORMS; `len(FORMS)` leaves it out."""
    levels = {name: min((0, 1), key=sizes.__getitem__) for name, sizes in estimates.items()}

    def size(name: str) -> float:
        return 0.0 if levels[name] == len(FORMS) else estimates[name][levels[name]]

    while levels and sum(map(size, levels)) > target:
        largest = max(levels, key=size)
        levels[largest] = max(levels[largest] + 1, 2)
    return levels


def _estimates(paths: Sequence[Path]) -> list[float]:
    """Return the estimated bytes of all pictures of a name, in each form."""
    sample = paths[:: max(1, len(paths) // SAMPLED)][:SAMPLED]
    sizes = []
    for form in FORMS:
        contents = [content for path in sample if isinstance(content := _encoded(path, form), bytes)]
        sizes.append(sum(map(len, contents)) / max(1, len(contents)) * len(paths))
    return sizes


def _encoded(path: Path, form: Form) -> bytes | str:
    """Return a picture as WebP; the reason if its file is none."""
    try:
        image = _read(cell if (cell := cell_of(path)).is_file() else path)
    except (OSError, ValueError, SyntaxError) as error:  # Pillow raises these for damaged files
        return f"{path.name} of {path.parents[1].name}: {error}"
    if max(image.size) > form.side:
        from PIL.Image import Resampling

        image.thumbnail((form.side, form.side), Resampling.LANCZOS)
    buffer = io.BytesIO()
    if form.quality is None:
        image.save(buffer, "WEBP", lossless=True, method=1)
    else:
        image.save(buffer, "WEBP", quality=form.quality, method=2)
    return buffer.getvalue()


def _read(path: Path) -> Image:
    import PIL.Image

    with PIL.Image.open(path, formats=("PNG", "JPEG", "WEBP")) as image:
        if image.width * image.height > LARGEST_PIXELS:
            raise ValueError(f"must have at most {LARGEST_PIXELS} pixels (got {image.width} x {image.height})")
        opaque = PIL.Image.new("RGB", image.size, "white")
        rgba = image.convert("RGBA")
        opaque.paste(rgba, mask=rgba.getchannel("A"))
        return opaque
