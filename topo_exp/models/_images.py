"""Images for models that learn from natural-like scenes: a user's own, or a generated set free of any licence."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import param

from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageCms import ImageCmsProfile

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".pgm")

SCREEN_GAMMA = 1 / 2.2
"""Exponent from light to the values that a screen is given, of sRGB and of most pictures."""

_BITS_PER_SAMPLE, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0
"""Tags of a TIFF file, and the value of the second for a picture stored as a negative."""


class ImageFolder(param.Parameterized):
    """All images of a folder, in the order of their names; different sizes are cropped to the smallest."""

    path = param.String("", doc="The folder.")

    def __call__(self) -> FloatArray:
        """Return grey levels in [0, 1], (images, rows, columns), see `grey_levels`.

        Raises:
            ParameterError: There is no such folder, it holds no images, or one of them cannot be read.
        """
        images = [grey_levels(file) for file in self.files()]
        rows, columns = (min(image.shape[axis] for image in images) for axis in (0, 1))
        return np.stack([_crop(image, rows, columns) for image in images])

    def check(self) -> None:
        """Read every image, so that a wrong one is refused before a run starts; raises as `__call__`."""
        for file in self.files():
            grey_levels(file)

    def files(self) -> list[Path]:
        """Return the files of the folder whose names end as those of images do.

        Raises:
            ParameterError: There is no such folder, or it holds no images.
        """
        folder = Path(self.path).expanduser()
        named = folder.glob("*") if self.path and folder.is_dir() else ()
        files = sorted(file for file in named if file.suffix.lower() in SUFFIXES and not file.is_dir())
        if not files:
            raise ParameterError(
                f"image_folder: must be a folder that holds images {SUFFIXES} (got {self.path!r}). "
                "Name one, or leave it out."
            )
        return files


def grey_levels(file: Path) -> FloatArray:
    """Return the grey levels of an image file, as a viewer would show it.

    A grey level is the value that a screen is given, gamma-encoded as in sRGB, with 0 for black and 1 for white:

    * 1, 8 and 16 bits (of a TIFF also 12): the value over the largest one of that depth; a TIFF stored as a negative
      (white is zero) is inverted.
    * Floating point: the value itself, which must lie in [0, 1].
    * Colour, palettes, CMYK: 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601) of the sRGB colour.
    * Transparency: on a black ground, as if no light came from there.
    * A colour profile of the image's own kind is converted to sRGB, and a PNG's gamma to 1/2.2.
    * The orientation that a camera has noted in EXIF is applied. Of a file with several pictures the first is read.

    Args:
        file: Of a format that Pillow reads.

    Returns:
        (rows, columns), float64 in [0, 1].

    Raises:
        ParameterError: The file cannot be read as an image, or its values have no defined white.
    """
    from PIL import Image

    try:
        with Image.open(file) as image:
            return _levels(image, file)
    except ParameterError:
        raise
    except Exception as error:  # decoders raise errors of many classes, some without a common base
        raise ParameterError(
            f"image_folder: every image must be readable (got {str(file)!r}: {type(error).__name__}: {error}). "
            "Remove or replace the file."
        ) from error


def _levels(opened: "Image", file: Path) -> FloatArray:
    from PIL import ImageOps

    tags = getattr(opened, "tag_v2", {})
    bits = int(np.max(tags.get(_BITS_PER_SAMPLE, 16)))
    negative = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    image = ImageOps.exif_transpose(opened)
    if image.mode[0] in "IF":
        values = _deep_levels(image, bits, opened.format, file)
        grey = _decoded(1 - values if negative else values, image)
        transparent = image.info.get("transparency")
        return grey if transparent is None else np.where(np.asarray(image) == transparent, 0.0, grey)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return _grey_of_colour(rgba.convert("RGB"), image) * (np.asarray(rgba.getchannel("A"), np.float64) / 255.0)
    if image.mode in ("1", "L"):
        return _decoded(np.asarray(image.convert("L"), np.float64) / 255.0, image)
    return _grey_of_colour(image if image.mode == "CMYK" else image.convert("RGB"), image)


def _deep_levels(image: "Image", bits: int, format: str | None, file: Path) -> FloatArray:
    """Return the values of an image of more than 8 bits as fractions of its white."""
    values = np.asarray(image, np.float64)
    if image.mode == "F":
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            raise ParameterError(
                f"image_folder: floating-point images must lie in [0, 1] (got {file.name!r} from {values.min():g} to "
                f"{values.max():g}, in {str(file.parent)!r}). Divide it by its white."
            )
        return values
    if image.mode == "I" and format == "TIFF":
        raise ParameterError(
            f"image_folder: images of whole numbers must be unsigned and have at most 16 bits (got {str(file)!r}). "
            "Save it with 8 or 16 bits, or as floating point in [0, 1]."
        )
    return values / (2.0 ** min(bits, 16) - 1)


def _decoded(grey: FloatArray, image: "Image") -> FloatArray:
    """Return grey levels with the image's own grey profile, or its gamma, converted to that of sRGB."""
    from PIL import Image, ImageCms

    profile = _profile(image, "GRAY")
    if profile is None:
        return grey ** _exponent(image)
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    shown = ImageCms.profileToProfile(ramp, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert shown is not None  # None is returned only where the image is changed in place
    return np.asarray(np.interp(grey, np.arange(256) / 255.0, np.asarray(shown.convert("L"))[0] / 255.0))


def _grey_of_colour(colour: "Image", image: "Image") -> FloatArray:
    """Return the grey levels of an RGB or CMYK picture with the profile and gamma of `image`, from which it is made."""
    from PIL import ImageCms

    profile = _profile(image, "CMYK" if colour.mode == "CMYK" else "RGB")
    if profile is not None:
        converted = ImageCms.profileToProfile(colour, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
        assert converted is not None  # None is returned only where the image is changed in place
        return np.asarray(converted.convert("L"), np.float64) / 255.0
    exponent = _exponent(image)
    if exponent == 1.0:
        return np.asarray(colour.convert("RGB").convert("L"), np.float64) / 255.0
    return (np.asarray(colour.convert("RGB"), np.float64) / 255.0) ** exponent @ np.array([0.299, 0.587, 0.114])


def _profile(image: "Image", kind: str) -> "ImageCmsProfile | None":
    """Return the image's colour profile if it is one of that kind other than sRGB; None without such a profile."""
    from PIL import ImageCms

    data = image.info.get("icc_profile")
    if not data:
        return None
    profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
    of_kind = profile.profile.xcolor_space.strip() == kind
    return profile if of_kind and not ImageCms.getProfileDescription(profile).startswith("sRGB") else None


def _exponent(image: "Image") -> float:
    """Return the exponent that turns the image's values into those of a screen; 1 unless a PNG has another gamma."""
    gamma = image.info.get("gamma")
    if not gamma or "srgb" in image.info or "icc_profile" in image.info or abs(gamma / SCREEN_GAMMA - 1) < 0.02:
        return 1.0
    return float(SCREEN_GAMMA / gamma)


class DeadLeaves(param.Parameterized):
    """Images of opaque disks that hide one another, with the statistics of natural scenes.

    The disks' radii r have the density r^-3, which makes the images invariant to scale, as natural ones are (Lee,
    Mumford & Huang 2001, doi:10.1023/A:1011109015675).
    """

    count = param.Integer(25, bounds=(1, None), doc="Number of images.")
    size = param.Integer(256, bounds=(8, None), doc="Rows and columns of each, in pixels.")
    seed = param.Integer(0, bounds=(0, None), doc="Seed of places, radii and grey levels.")

    def __call__(self) -> FloatArray:
        """Return grey levels in [0, 1], (count, size, size)."""
        random = np.random.default_rng(self.seed)
        return np.stack([self._image(random) for _ in range(self.count)])

    def _image(self, random: np.random.Generator) -> FloatArray:
        size, smallest, largest = self.size, 3.0, self.size / 3.0
        rows, columns = np.ogrid[:size, :size]
        image, covered = np.full((size, size), 0.5), np.zeros((size, size), bool)
        for _leaf in range(6 * size):  # from front to back: each leaf shows where none before it lies
            radius = (smallest**-2 - random.random() * (smallest**-2 - largest**-2)) ** -0.5
            row, column = random.uniform(-radius, size + radius, 2)
            top, left = max(0, int(row - radius)), max(0, int(column - radius))
            window = np.s_[top : int(row + radius) + 2, left : int(column + radius) + 2]
            disk = (rows[window[0]] - row) ** 2 + (columns[:, window[1]] - column) ** 2 <= radius**2
            new = disk & ~covered[window]
            image[window][new] = random.random()
            covered[window] |= new
        return image


class VerticalBlur(param.Parameterized):
    """Images blurred along y only, as seen through goggles that pass vertical contours."""

    images = param.Callable(doc="Returns the images, (images, rows, columns).")
    sigma = param.Number(12.0, bounds=(0, None), doc="Width of the Gaussian blur, in pixels.")

    def __call__(self) -> FloatArray:
        """Return the blurred images, (images, rows, columns)."""
        images = self.images()
        rows = images.shape[1]
        transfer = np.exp(-2 * (np.pi * self.sigma * np.fft.rfftfreq(2 * rows)) ** 2)
        mirrored = np.concatenate([images, images[:, ::-1]], axis=1)
        blurred = np.fft.irfft(np.fft.rfft(mirrored, axis=1) * transfer[None, :, None], n=2 * rows, axis=1)
        return blurred[:, :rows]


def _crop(image: FloatArray, rows: int, columns: int) -> FloatArray:
    top, left = (image.shape[0] - rows) // 2, (image.shape[1] - columns) // 2
    return image[top : top + rows, left : left + columns]
