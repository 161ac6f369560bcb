"""The command line: `python -m fastgather` shows the configuration, `... demo` a picture."""

import argparse
import io
import statistics
import sys
import time
from pathlib import Path

import numpy as np

import fastgather
from fastgather import bench

PATCH = 16  # pixels, across and down
MASK_RATIO = 0.75
GREY = 128
PANEL = 600  # pixels that the longer side of a panel is drawn with, at most


def main(arguments=None):
    """Run the command line; the result is the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m fastgather",
        description="Gather and scatter for NumPy arrays. Alone, it prints the configuration.",
    )
    parser.add_argument("--version", action="version", version=fastgather.__version__)
    commands = parser.add_subparsers(title="commands", dest="command")
    parser_demo = commands.add_parser(
        "demo",
        help="mask three quarters of a photograph's patches and restore them",
        description="Mask three quarters of a photograph's patches with fastgather.gather, "
        "restore them with fastgather.scatter, and write a PNG that shows it.",
    )
    parser_demo.add_argument("--image", metavar="FILE", help="any image that Pillow reads")
    parser_demo.add_argument(
        "--output", metavar="FILE", default="fastgather-demo.png", help="default: %(default)s"
    )
    parser_demo.add_argument(
        "--seed", metavar="N", type=_seed, default=0, help="of the shuffle; default: %(default)s"
    )
    bench.add_parser(commands)
    options = parser.parse_args(arguments)
    if options.command is None:
        fastgather.show_config()
        return 0
    if options.command == "bench":
        return bench.run(options, refuse)
    demo(options.image, options.output, options.seed)
    return 0


def refuse(message):
    """End with one line that says why what the user asked for cannot be done."""
    print(f"fastgather: {message}", file=sys.stderr)
    sys.exit(2)


def demo(image, output, seed):
    """Mask a photograph's patches, restore them, write the picture, print what happened."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        refuse(f'the demo needs matplotlib ({error}): python -m pip install "fastgather[demo]"')

    pixels, name = read_image(image)
    original = crop(pixels)
    patches = cut(original)
    kept, index, masked, restored = mask_and_restore(patches, seed)
    if not np.array_equal(restored, patches):
        sys.exit("fastgather: the restored patches differ from the original: please report it")
    panels = {
        "original": original,
        f"masked: {kept.shape[1]} of {patches.shape[1]} patches kept": join(masked, original),
        "restored": join(restored, original),
    }
    write(output, draw(panels))

    ours, numpys = median_times(
        lambda: fastgather.gather(patches, 1, index),
        lambda: np.take_along_axis(patches, index, 1),
    )
    threads = fastgather.show_config(mode="dict")["threads"]
    print(f"image     {name}, {_size(pixels)} pixels, cut to {_size(original)}")
    print(f"patches   {patches.shape} {patches.dtype}")
    print(f"index     {index.shape} {index.dtype}")
    print(f"kept      {kept.shape} {kept.dtype}")
    print("restored  equals the original, bit for bit")
    print(f"backend   {fastgather.backend}")
    print(f"threads   {threads}")
    print(f"time      {1e3 * ours:.3f} ms for the gather of the kept patches")
    print(f"          {1e3 * numpys:.3f} ms with numpy.take_along_axis: ratio {numpys / ours:.1f}")
    print(f"picture   {output}")


def read_image(path):
    """Pixels (height, width, 3) with room for a patch, and the file's name."""
    from matplotlib import cbook
    from PIL import Image, ImageOps

    if path is None:
        path = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    try:
        with Image.open(path) as file:
            if file.mode[0] in "IF":
                refuse(f"the image {path!r} has pixels of mode {file.mode}; save it with 8 bits")
            upright = ImageOps.exif_transpose(file)
            if "transparency" in upright.info:
                upright = upright.convert("RGBA")
            pixels = np.asarray(upright.convert("RGB"))
    except Exception as error:  # Pillow's decoders raise many kinds for a damaged file
        refuse(f"cannot read the image {path!r}: {_reason(error)}")
    if min(pixels.shape[:2]) < PATCH:
        size = f"{_size(pixels)} pixels; it must be at least {PATCH} x {PATCH}"
        refuse(f"the image {path!r} is {size}")
    return pixels, Path(path).name


def crop(image):
    """The image without what is left over at the right and the bottom after whole patches."""
    height, width = image.shape[:2]
    return image[: height // PATCH * PATCH, : width // PATCH * PATCH]


def cut(image):
    """The patches of an image (height, width, 3), row by row: (1, patches, values)."""
    rows, columns = image.shape[0] // PATCH, image.shape[1] // PATCH
    grid = image.reshape(rows, PATCH, columns, PATCH, 3).swapaxes(1, 2)
    return grid.reshape(1, rows * columns, PATCH * PATCH * 3)


def join(patches, image):
    """The inverse of `cut`; `image` gives the shape."""
    rows, columns = image.shape[0] // PATCH, image.shape[1] // PATCH
    return patches.reshape(rows, columns, PATCH, PATCH, 3).swapaxes(1, 2).reshape(image.shape)


def mask_and_restore(patches, seed):
    """Random masking as in He et al., arXiv 2111.06377, and back.

    Returns the kept patches, the index that gathered them, the patches with grey in place of
    those removed, and these with the removed ones put back.
    """
    noise = np.random.default_rng(seed).random(patches.shape[:2])
    ids_shuffle = np.argsort(noise, axis=1)
    keep = int(patches.shape[1] * (1 - MASK_RATIO))
    ids_keep, ids_remove = (
        np.broadcast_to(ids[:, :, None], (*ids.shape, patches.shape[2]))
        for ids in np.split(ids_shuffle, [keep], axis=1)
    )
    kept = fastgather.gather(patches, 1, ids_keep)
    removed = fastgather.gather(patches, 1, ids_remove)
    masked = fastgather.scatter(np.full_like(patches, GREY), 1, ids_keep, kept)
    restored = fastgather.scatter(masked, 1, ids_remove, removed)
    return kept, ids_keep, masked, restored


def draw(panels):
    """A PNG of the titled images side by side, as bytes; no window is opened."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height, width = next(iter(panels.values())).shape[:2]
    scale = PANEL / max(height, width)
    scale = int(scale) if scale > 1 else scale  # small images: whole pixels
    height, width = max(1, round(height * scale)), max(1, round(width * scale))
    cell, gap, title = max(width, 320), 20, 40
    total_width, total_height = len(panels) * (cell + gap) + gap, height + title + gap
    figure = Figure((total_width / 100, total_height / 100), dpi=100, facecolor="white")
    for number, (text, image) in enumerate(panels.items()):
        left = gap + number * (cell + gap) + (cell - width) // 2
        axes = figure.add_axes(
            (left / total_width, gap / total_height, width / total_width, height / total_height)
        )
        axes.imshow(image, aspect="auto", interpolation="nearest" if scale >= 1 else None)
        axes.set_axis_off()
        axes.set_title(text, fontsize=13, color="black")
    png = io.BytesIO()
    FigureCanvasAgg(figure).print_png(png)
    return png.getvalue()


def write(path, content):
    try:
        Path(path).write_bytes(content)
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        refuse(f"cannot write {path!r}: {_reason(error)}")


def median_times(*calls, rounds=51):
    """Median seconds of each call; they take turns, so that all see the same machine."""
    times = [[] for _ in calls]
    for _ in range(rounds):
        for call, seconds in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
    return [statistics.median(seconds) for seconds in times]


def _size(image):
    return f"{image.shape[1]} x {image.shape[0]}"


def _seed(text):
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a whole number from 0 on is needed, not {text!r}")
    return int(text)


def _reason(error):
    return getattr(error, "strerror", None) or str(error).partition("\n")[0]


if __name__ == "__main__":
    sys.exit(main())
