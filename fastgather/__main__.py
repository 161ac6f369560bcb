"""The command line: the configuration, a demo, an explanation of gather, and comparisons."""

import argparse
import io
import math
import statistics
import sys
import time
from pathlib import Path

import numpy as np

import fastgather
from fastgather import bench, explain, masking

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
        description="Mask three quarters of a photograph's patches with fastgather.masking, "
        "restore them, and write a PNG that shows it.",
    )
    parser_demo.add_argument("--image", metavar="FILE", help="any image that Pillow reads")
    parser_demo.add_argument(
        "--output", metavar="FILE", default="fastgather-demo.png", help="default: %(default)s"
    )
    parser_demo.add_argument(
        "--seed", metavar="N", type=_seed, default=0, help="of the shuffle; default: %(default)s"
    )
    parser_explain = commands.add_parser(
        "explain",
        help="show what gather does to each element of a small example",
        description="Print the formula of gather and what it does to each element of a small "
        "example, and draw it.",
    )
    parser_explain.add_argument(
        "--shape", metavar="N,N,...", type=_shape, default="2,3,4", help="default: %(default)s"
    )
    parser_explain.add_argument(
        "--dim", metavar="N", type=int, help="default: 1, or 0 where there is only one"
    )
    parser_explain.add_argument("--draw", metavar="FILE", help="a PNG or SVG to write")
    bench.add_parser(commands)
    options = parser.parse_args(arguments)
    if options.command is None:
        fastgather.show_config()
        return 0
    if options.command == "bench":
        return bench.run(options, refuse)
    if options.command == "explain":
        explain_example(options.shape, options.dim, options.draw)
        return 0
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
    kept, _, ids_restore = masking.random_masking(patches, MASK_RATIO, rng=seed)
    masked = masking.restore(kept, ids_restore, fill=GREY)
    removed = masking.unshuffle(patches, ids_restore)[:, kept.shape[1] :]
    restored = masking.shuffle(np.concatenate([kept, removed], axis=1), ids_restore)
    ids_keep = np.argsort(ids_restore, axis=1)[:, : kept.shape[1], None]
    return kept, np.broadcast_to(ids_keep, kept.shape), masked, restored


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


def explain_example(shape, dim, path):
    """Print and draw a gather whose index has a pattern, of numbers that are no indices."""
    if math.prod(shape) > explain.MOST_CELLS:
        refuse(f"shape {shape} is too large to read: at most {explain.MOST_CELLS} elements")
    dim = min(1, len(shape) - 1) if dim is None else dim
    try:
        line = explain.formula(len(shape), dim)
        arguments = example(shape, dim)
        if path is not None:
            explain.draw(*arguments, path)
    except OSError as error:
        refuse(f"cannot write {path!r}: {_reason(error)}")
    except (ImportError, IndexError, ValueError) as error:
        refuse(error)
    print(f"{line}\n\n{explain.trace(*arguments)}")
    if path is not None:
        print(f"\npicture   {path}")


def example(shape, dim):
    """The arguments of a gather: an index that is one shorter along dim, and counts down."""
    x = np.arange(10, 10 + math.prod(shape)).reshape(shape)
    size = shape[dim]
    lengths = list(shape)
    lengths[dim] = max(size - 1, min(size, 1))
    return x, dim, (size - 1 - np.indices(lengths).sum(axis=0)) % max(size, 1)


def _shape(text):
    sizes = text.split(",")
    if not all(size.strip().isdecimal() for size in sizes):
        raise argparse.ArgumentTypeError(f"sizes such as 2,3,4 are needed, not {text!r}")
    return tuple(map(int, sizes))


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
