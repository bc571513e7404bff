"""Images as input: every kind of file has the grey levels that a viewer shows, or is refused by name before a run."""

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from topo_exp.errors import ParameterError
from topo_exp.models._images import DeadLeaves, ImageFolder, VerticalBlur, grey_levels
from topo_exp.models.gcal import Gcal

ROOT = Path(__file__).parents[2]
RAMP = np.linspace(0, 1, 256)
"""Grey levels from black to white, whose mean is 1/2."""


def bytes_of(levels, white=255, kind=np.uint8):
    """Return a ramp of two rows as whole numbers up to white."""
    return np.tile(np.rint(levels * white), (2, 1)).astype(kind)


def saved(tmp_path, image, name="a.png", **options):
    """Save an image under a name, and return its grey levels read back."""
    image.save(tmp_path / name, **options)
    return grey_levels(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "white", "kind"),
    [
        ("a.png", 255, np.uint8),
        ("a.tif", 255, np.uint8),
        ("a.bmp", 255, np.uint8),
        ("a.pgm", 255, np.uint8),
        ("a.png", 65535, np.uint16),
        ("a.tif", 65535, np.uint16),
        ("a.pgm", 65535, np.uint16),
    ],
)
def test_whole_numbers_are_fractions_of_the_white_of_their_depth(tmp_path, name, white, kind):
    """A ramp from black to white is the same ramp with 8 and with 16 bits, of mean 1/2."""
    found = saved(tmp_path, Image.fromarray(bytes_of(RAMP, white, kind)), name)
    np.testing.assert_allclose(found, np.tile(RAMP, (2, 1)), atol=0.5 / 255)
    assert found.mean() == pytest.approx(0.5, abs=1e-3)


def test_floating_point_is_taken_as_it_is(tmp_path):
    """Values in [0, 1] are grey levels themselves; others have no defined white and are refused by name."""
    ramp = np.tile(RAMP, (2, 1)).astype(np.float32)
    np.testing.assert_allclose(saved(tmp_path, Image.fromarray(ramp), "a.tif"), ramp, atol=1e-7)
    for wrong in (255 * ramp, ramp - 0.5, np.where(ramp > 0.5, np.nan, ramp)):
        with pytest.raises(ParameterError, match=r"b\.tif"):
            saved(tmp_path, Image.fromarray(wrong.astype(np.float32)), "b.tif")


def test_whole_numbers_without_a_defined_white_are_refused(tmp_path):
    """A TIFF of 32-bit whole numbers is refused by name."""
    with pytest.raises(ParameterError, match=r"a\.tif"):
        saved(tmp_path, Image.fromarray(bytes_of(RAMP, 65535, np.int32)), "a.tif")


def test_one_bit_is_black_or_white(tmp_path):
    """A picture of one bit has the levels 0 and 1."""
    black_and_white = np.array([[True, False, True]])
    assert saved(tmp_path, Image.fromarray(black_and_white)).tolist() == [[1, 0, 1]]


@pytest.mark.parametrize("bits", [1, 8, 16])
def test_a_negative_is_inverted(tmp_path, bits):
    """A TIFF whose white is zero shows the ramp, not its negative."""
    ramp = bytes_of(RAMP, 2**bits - 1, np.uint16 if bits == 16 else np.uint8)
    data = np.packbits(ramp.astype(bool), axis=1) if bits == 1 else ramp
    write_tiff(tmp_path / "a.tif", 2**bits - 1 - ramp if bits > 1 else ~data, ramp.shape, bits=bits, photometric=0)
    np.testing.assert_allclose(grey_levels(tmp_path / "a.tif"), ramp / (2**bits - 1), atol=1e-9)


def test_twelve_bits_are_fractions_of_4095(tmp_path):
    """A TIFF of 12 bits, as scientific cameras write, has white at 4095."""
    values = np.array([[0, 4095, 2048, 1000]])
    packed = np.array([[0x00, 0x0F, 0xFF, 0x80, 0x03, 0xE8]], np.uint8)
    write_tiff(tmp_path / "a.tif", packed, values.shape, bits=12, photometric=1)
    np.testing.assert_allclose(grey_levels(tmp_path / "a.tif"), values / 4095)


def write_tiff(path, data, shape, *, bits, photometric):
    """Write an uncompressed grey TIFF of one strip."""
    payload = np.ascontiguousarray(data).tobytes()
    rows, columns = shape
    tags = [
        (256, 3, columns),
        (257, 3, rows),
        (258, 3, bits),
        (259, 3, 1),
        (262, 3, photometric),
        (273, 4, 8),
        (277, 3, 1),
        (278, 3, rows),
        (279, 4, len(payload)),
    ]
    entries = b"".join(struct.pack("<HHI", tag, kind, 1) + struct.pack("<I", value) for tag, kind, value in tags)
    path.write_bytes(
        b"II*\0" + struct.pack("<I", 8 + len(payload)) + payload + struct.pack("<H", len(tags)) + entries + bytes(4)
    )


COLOURS = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [10, 20, 30]]], np.uint8)
LUMA = COLOURS @ np.array([0.299, 0.587, 0.114]) / 255


def test_colours_have_the_luma_of_bt_601(tmp_path):
    """RGB, a palette and CMYK with the same colours have the same grey levels."""
    rgb = Image.fromarray(COLOURS)
    np.testing.assert_allclose(saved(tmp_path, rgb), LUMA, atol=0.6 / 255)
    np.testing.assert_allclose(saved(tmp_path, rgb.quantize(8), "b.png"), LUMA, atol=0.6 / 255)
    np.testing.assert_allclose(saved(tmp_path, rgb.convert("CMYK"), "c.tif"), LUMA, atol=1.5 / 255)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparency_is_on_a_black_ground(tmp_path, mode):
    """A transparent pixel is black, whichever colour it hides; one at half is half as bright."""
    rgba = np.array([[[200, 200, 200, 255], [200, 200, 200, 0], [200, 200, 200, 128]]], np.uint8)
    image = Image.fromarray(rgba).convert("RGBA" if mode == "PA" else mode)
    found = saved(tmp_path, image.quantize(4) if mode == "PA" else image)
    np.testing.assert_allclose(found, np.array([[200, 0, 200 * 128 / 255]]) / 255, atol=1.5 / 255)


def test_a_transparent_colour_is_black(tmp_path):
    """A PNG that names one value transparent, of 8 or 16 bits, is black there."""
    deep = bytes_of(np.array([0.5, 1.0]), 65535, np.uint16)
    assert saved(tmp_path, Image.fromarray(deep), transparency=65535)[0].tolist() == pytest.approx([0.5, 0], abs=1e-4)
    flat = bytes_of(np.array([0.5, 1.0]))
    found = saved(tmp_path, Image.fromarray(flat), "b.png", transparency=255)
    assert found[0].tolist() == pytest.approx([0.5, 0], abs=3e-3)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_the_cameras_orientation_is_applied(tmp_path, name):
    """A picture that was taken with the camera turned is shown upright."""
    upright = Image.fromarray(np.vstack([np.full((8, 32), 255), np.zeros((24, 32))]).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees: viewers turn the picture clockwise
    found = saved(tmp_path, upright.rotate(90, expand=True), name, exif=exif)
    np.testing.assert_allclose(found, np.asarray(upright) / 255, atol=0.05)


def png_with(chunk, data, levels):
    """Return a grey PNG with a chunk after its header."""
    plain = io.BytesIO()
    Image.fromarray(bytes_of(levels)).save(plain, "png")
    header, rest = plain.getvalue()[:33], plain.getvalue()[33:]
    body = chunk + data
    return header + struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body)) + rest


@pytest.mark.parametrize(("gamma", "exponent"), [(1.0, 1 / 2.2), (1 / 2.2, 1.0), (1 / 1.8, 1.8 / 2.2)])
def test_the_gamma_of_a_png_becomes_that_of_screens(tmp_path, gamma, exponent):
    """A PNG of linear light, or of an old Mac, is shown as bright as one of the usual gamma."""
    (tmp_path / "a.png").write_bytes(png_with(b"gAMA", struct.pack(">I", round(gamma * 100000)), RAMP))
    np.testing.assert_allclose(grey_levels(tmp_path / "a.png")[0], RAMP**exponent, atol=0.01)


def test_a_colour_profile_is_converted_to_srgb(tmp_path):
    """A picture of another profile has the levels of the converted colours, one of sRGB those that it stores."""
    srgb, lab = (ImageCms.ImageCmsProfile(ImageCms.createProfile(kind)) for kind in ("sRGB", "LAB"))
    plain = saved(tmp_path, Image.fromarray(COLOURS), icc_profile=srgb.tobytes())
    np.testing.assert_allclose(plain, LUMA, atol=0.6 / 255)
    swapped = other_profile(srgb.tobytes())
    found = saved(tmp_path, Image.fromarray(COLOURS), "b.png", icc_profile=swapped)
    profile = ImageCms.ImageCmsProfile(io.BytesIO(swapped))
    shown = ImageCms.profileToProfile(Image.fromarray(COLOURS), profile, srgb, outputMode="RGB")
    np.testing.assert_allclose(found, np.asarray(shown) @ np.array([0.299, 0.587, 0.114]) / 255, atol=0.6 / 255)
    assert abs(found - LUMA).max() > 0.05
    unfit = saved(tmp_path, Image.fromarray(bytes_of(RAMP)), "c.png", icc_profile=lab.tobytes())
    np.testing.assert_allclose(unfit[0], RAMP, atol=0.5 / 255)  # of another kind than the picture: no meaning


def other_profile(srgb):
    """Return sRGB with red and green exchanged, under another name."""
    data = bytearray(srgb.replace("sRGB".encode("utf-16-be"), "RRGB".encode("utf-16-be")).replace(b"sRGB ", b"RRGB "))
    for first, second in ((b"rXYZ", b"gXYZ"), (b"rTRC", b"gTRC")):
        one, two = data.find(first), data.find(second)
        data[one : one + 4], data[two : two + 4] = second, first
    return bytes(data)


def damaged(kind):
    """Return the bytes of a file that no decoder can read."""
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)).save(whole, "png")
    png = whole.getvalue()
    return {
        "attributes of another system": b"\0\5\x16\7\0\2\0\0Mac OS X" + bytes(60),
        "empty": b"",
        "cut": png[: len(png) // 2],
        "changed": png[:200] + bytes(50) + png[250:],
        "text": b"no picture",
    }[kind]


@pytest.mark.parametrize("kind", ["attributes of another system", "empty", "cut", "changed", "text"])
def test_a_file_that_cannot_be_read_is_named_when_the_model_is_made(tmp_path, kind):
    """A stray or broken file beside good ones is refused by name before anything is built."""
    Image.fromarray(bytes_of(RAMP)).save(tmp_path / "good.png")
    (tmp_path / "._a.png").write_bytes(damaged(kind))
    with pytest.raises(ParameterError, match=r"\._a\.png"):
        Gcal(dataset="images", image_folder=str(tmp_path))


@pytest.mark.parametrize("folder", ["", "none", "empty", "file.png"])
def test_a_folder_that_cannot_be_one_is_named_when_the_model_is_made(tmp_path, monkeypatch, folder):
    """A name that is no folder with images is refused, also where images are not the dataset."""
    (tmp_path / "empty").mkdir()
    Image.fromarray(bytes_of(RAMP)).save(tmp_path / "file.png")
    monkeypatch.chdir(tmp_path)
    for dataset in ("Gaussian", "images"):
        with pytest.raises(ParameterError, match=repr(folder)):
            Gcal(dataset=dataset, image_folder=folder)


def test_a_broken_image_ends_the_command_before_the_run(tmp_path):
    """The command returns 2 with one line that names the file, and leaves no run behind."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "._a.png").write_bytes(damaged("text"))
    done = subprocess.run(
        [sys.executable, "-m", "topo_exp", "model=gcal", "dataset=images", "image_folder=images", "tracking=none"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert "._a.png" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "Output").exists()


def test_images_of_different_sizes_are_cropped_around_their_middle(tmp_path):
    """All images have the size of the smallest, and keep their middle; other files do not count."""
    large = np.zeros((6, 10), np.uint8)
    large[2:4, 3:7] = 255
    Image.fromarray(large).save(tmp_path / "a.png")
    Image.fromarray(np.full((2, 4), 51, np.uint8)).save(tmp_path / "b.PNG")
    (tmp_path / "notes.txt").write_text("where the images are from")
    found = ImageFolder(path=str(tmp_path))()
    assert found.shape == (2, 2, 4)
    assert (found[0] == 1).all()
    np.testing.assert_allclose(found[1], 0.2)


def test_dead_leaves_cover_the_image_and_repeat(tmp_path):
    """Generated images are grey levels, the same for a seed, and mostly uniform between edges."""
    one, again, other = (DeadLeaves(count=2, size=32, seed=seed)() for seed in (0, 0, 1))
    assert one.shape == (2, 32, 32)
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert 0 <= one.min() < one.max() <= 1
    assert (np.diff(one, axis=2) == 0).mean() > 0.5


@pytest.mark.parametrize("cycles", [1, 3])
def test_vertical_blur_keeps_vertical_contours(cycles):
    """Change along x stays as it is; a wave along y shrinks as by a Gaussian of that width, in mirrored images."""
    n, sigma = 64, 4.0
    phase = np.pi * cycles * (np.arange(n) + 0.5) / n  # whole half waves, so that the mirrored image goes on smoothly
    wave = np.tile(np.cos(phase), (1, n, 1))
    blur = lambda images: VerticalBlur(images=lambda: images, sigma=sigma)()  # noqa: E731  used twice below
    np.testing.assert_allclose(blur(wave), wave, atol=1e-12)
    frequency = cycles / (2 * n)
    expected = np.exp(-2 * (np.pi * sigma * frequency) ** 2)
    np.testing.assert_allclose(blur(wave.transpose(0, 2, 1)), expected * wave.transpose(0, 2, 1), atol=1e-12)
