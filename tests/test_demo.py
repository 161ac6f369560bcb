"""The command line: `python -m fastgather` and its demo."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib import cbook
from PIL import Image

import fastgather
from fastgather import __main__ as command_line

PHOTOGRAPH = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)


@pytest.fixture
def save(tmp_path):
    """Writes an image of random pixels and returns its path."""

    def saved(height, width, mode="RGB", name="image.png"):
        pixels = np.random.default_rng(1).integers(0, 256, (height, width, 4), np.uint8)
        path = tmp_path / name
        Image.fromarray(pixels).convert(mode).save(path)
        return path

    return saved


def refused(capsys, *arguments):
    """The one line on stderr of a command that ends with status 2."""
    with pytest.raises(SystemExit) as ended:
        command_line.main([str(argument) for argument in arguments])
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.endswith("\n")
    assert printed.err.count("\n") == 1
    return printed.err


def pixels_of(path):
    with Image.open(path) as file:
        return np.asarray(file.convert("RGBA"))[:, :, :3]


def panels(path, height, width, number=3):
    """The pixels of the panels in the demo's picture, which are in its middle rows."""
    picture = pixels_of(path)
    cell = (picture.shape[1] - 20) // number
    top = picture.shape[0] - 20 - height
    lefts = [20 + i * cell + (cell - 20 - width) // 2 for i in range(number)]
    return [picture[top : top + height, left : left + width] for left in lefts]


def test_alone_prints_the_configuration(capsys):
    assert command_line.main([]) == 0
    printed = capsys.readouterr().out
    fastgather.show_config()
    assert printed == capsys.readouterr().out
    assert fastgather.backend in printed


def test_demo_as_a_process_runs_the_expected_engine(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "fastgather", "demo"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    printed = dict(line.split(maxsplit=1) for line in result.stdout.splitlines() if line[0] > " ")
    assert printed["image"] == "grace_hopper.jpg, 512 x 600 pixels, cut to 512 x 592"
    assert printed["patches"] == "(1, 1184, 768) uint8"
    assert printed["index"] == "(1, 296, 768) int64"
    assert printed["kept"] == "(1, 296, 768) uint8"
    assert printed["backend"] == fastgather.backend
    assert int(printed["threads"]) >= 1
    assert printed["picture"] == "fastgather-demo.png"
    assert "numpy.take_along_axis" in result.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["fastgather-demo.png"]


def test_picture_shows_original_masked_and_restored(tmp_path):
    output = tmp_path / "picture.png"
    assert command_line.main(["demo", "--output", str(output)]) == 0
    assert output.read_bytes().startswith(b"\x89PNG")
    photograph = pixels_of(PHOTOGRAPH)[:592]
    original, masked, restored = panels(output, 592, 512)
    np.testing.assert_array_equal(original, photograph)
    np.testing.assert_array_equal(restored, photograph)
    kept = 0
    for row in range(0, 592, 16):
        for column in range(0, 512, 16):
            patch = (slice(row, row + 16), slice(column, column + 16))
            if (masked[patch] == photograph[patch]).all():
                kept += 1
            else:
                assert (masked[patch] == command_line.GREY).all()
    assert kept == 296


def test_restored_data_equals_the_original():
    pixels, _ = command_line.read_image(PHOTOGRAPH)
    original = command_line.crop(pixels)
    patches = command_line.cut(original)
    kept, index, masked, restored = command_line.mask_and_restore(patches, seed=5)
    np.testing.assert_array_equal(command_line.join(restored, original), original)
    np.testing.assert_array_equal(kept, np.take_along_axis(patches, index, 1))
    np.testing.assert_array_equal(np.take_along_axis(masked, index, 1), kept)
    assert np.unique(index[0, :, 0]).size == 296
    assert (masked == patches).all(axis=2).sum() < patches.shape[1] / 2


def test_patches_are_squares_of_the_image():
    image = np.arange(32 * 48 * 3).reshape(32, 48, 3)
    patches = command_line.cut(image)
    assert patches.shape == (1, 6, 768)
    np.testing.assert_array_equal(patches[0, 4].reshape(16, 16, 3), image[16:32, 16:32])


def test_seed_decides_the_shuffle(tmp_path, save):
    image = save(64, 64)
    contents = []
    for seed in ("3", "3", "4"):
        output = tmp_path / "seeded.png"
        command_line.main(["demo", "--image", str(image), "--output", str(output), "--seed", seed])
        contents.append(output.read_bytes())
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_images_of_any_mode(tmp_path, save, mode):
    output = tmp_path / "picture.png"
    image = save(40, 50, mode)
    assert command_line.main(["demo", "--image", str(image), "--output", str(output)]) == 0
    scale = command_line.PANEL // 48
    original, _, restored = panels(output, 32 * scale, 48 * scale)
    np.testing.assert_array_equal(original, restored)
    expected = pixels_of(image)[:32, :48]
    np.testing.assert_array_equal(original[::scale, ::scale], expected)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (16, 700), (1000, 16), (1300, 800)])
def test_images_of_any_size(tmp_path, save, height, width):
    output = tmp_path / "picture.png"
    image = save(height, width)
    assert command_line.main(["demo", "--image", str(image), "--output", str(output)]) == 0
    assert max(pixels_of(output).shape) < 2000


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        (b"", "cannot identify"),
        (b"no image", "cannot identify"),
        ("half", "truncated"),
    ],
    ids=["missing", "empty", "text", "truncated"],
)
def test_unreadable_image(tmp_path, save, capsys, content, reason):
    path = tmp_path / "broken.png"
    if content == "half":
        whole = save(64, 64).read_bytes()
        content = whole[: len(whole) // 2]
    if content is not None:
        path.write_bytes(content)
    output = tmp_path / "never.png"
    message = refused(capsys, "demo", "--image", path, "--output", output)
    assert message.startswith("fastgather: cannot read the image ")
    assert str(path) in message
    assert reason in message
    assert not output.exists()


def test_image_smaller_than_a_patch(capsys, save):
    message = refused(capsys, "demo", "--image", save(40, 15))
    assert "is 15 x 40 pixels; it must be at least 16 x 16" in message


@pytest.mark.parametrize("mode", ["I;16", "F"])
def test_image_of_wide_pixels(capsys, tmp_path, mode):
    path = tmp_path / "wide.tiff"
    dtype = np.uint16 if mode == "I;16" else np.float32
    Image.fromarray(np.ones((32, 32), dtype)).save(path)
    message = refused(capsys, "demo", "--image", path)
    assert f"has pixels of mode {mode}; save it with 8 bits" in message


def test_unwritable_output(capsys, tmp_path, save):
    for output in (tmp_path / "no such folder" / "picture.png", tmp_path):
        message = refused(capsys, "demo", "--image", save(32, 32), "--output", output)
        assert message.startswith(f"fastgather: cannot write {str(output)!r}: ")


def test_without_matplotlib(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    message = refused(capsys, "demo")
    assert message.startswith("fastgather: the demo needs matplotlib")
    assert 'pip install "fastgather[demo]"' in message


@pytest.mark.parametrize("seed", ["-1", "2.5", "x", ""])
def test_seed_that_is_none(capsys, seed):
    with pytest.raises(SystemExit) as ended:
        command_line.main(["demo", f"--seed={seed}"])
    assert ended.value.code == 2
    assert "a whole number from 0 on is needed" in capsys.readouterr().err
