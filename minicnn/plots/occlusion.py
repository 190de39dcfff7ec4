"""Which part of an image a class needs: a square covers it up, place after place."""

from typing import Any

from matplotlib.patches import Rectangle

from minicnn.plots.feature_maps import picture_of
from minicnn.plots.style import DIVERGING, ORANGE, Picture, bare, show_image, styled
from minicnn.tracing.maps import checked_class, occlusion_map, predicted_class
from minicnn.tracing.run import one_sample


@styled
def occlusion(
    model: Any,
    image: Any,
    label: int | None = None,
    size: int = 5,
    stride: int = 1,
    fill: float = 0.0,
) -> Picture:
    """How the output for a class changes when a square covers part of the image.

    Blue where covering lowers the output: the class needs what is there. Red where it raises it.

    Args:
        model: a built ``Sequential`` that ends in one number a class.
        image: (H, W, C), (1, H, W, C) or, when C is 1, (H, W).
        label: the class; by default the one with the highest output.
        size: side of the square, in pixels.
        stride: pixels from one place of the square to the next.
        fill: the value it covers the pixels with.

    Raises:
        ValueError: the image does not fit the model, there is no such class, or a size that is
            no positive integer.

    Example::

        figure = minicnn.plots.occlusion(model, x_test[0], size=7)
        figure.savefig("occlusion.png")

    Source: Zeiler, Fergus (2014), Visualizing and Understanding Convolutional Networks, section 4.
    """
    sample = one_sample(model, image)[0]  # (H, W, C)
    label = predicted_class(model, sample) if label is None else checked_class(model, label)
    whole = float(model.predict(sample[None], verbose=0)[0, label])
    change = occlusion_map(model, sample, label, size, stride, fill) - whole
    reach = float(abs(change).max()) or 1.0

    figure = Picture(figsize=(9.2, 4.6))
    axes = figure.subplots(1, 2)
    figure.suptitle(f"Class {label}: {whole:.3g} for the whole image", x=0.01,
                    ha="left", fontsize=15, fontweight="bold")  # fmt: skip
    show_image(axes[0], picture_of(sample))
    axes[0].add_patch(Rectangle((-0.5, -0.5), size, size, facecolor="none", edgecolor=ORANGE, lw=3))
    axes[0].set_title(f"image, and the square of {size} × {size}", fontweight="normal")
    H, W, _ = sample.shape
    drawn = axes[1].imshow(
        change, cmap=DIVERGING, vmin=-reach, vmax=reach,
        extent=(-0.5, change.shape[1] * stride - 0.5, change.shape[0] * stride - 0.5, -0.5),
    )  # fmt: skip
    axes[1].set_xlim(-0.5, W - 0.5)
    axes[1].set_ylim(H - 0.5, -0.5)
    bare(axes[1])
    axes[1].set_title("change with the square here", fontweight="normal")
    bar = figure.colorbar(drawn, ax=axes[1], shrink=0.85, pad=0.02)
    bar.outline.set_visible(False)
    bar.set_ticks([-reach, 0, reach], labels=[f"−{reach:.2g}", "0", f"+{reach:.2g}"])
    return figure
