"""Which pixels move a class's score: the gradient with respect to the image, drawn."""

from typing import Any

from minicnn.plots.feature_maps import picture_of
from minicnn.plots.style import Picture, show_image, styled
from minicnn.plots.traced import Scale
from minicnn.tracing import trace
from minicnn.tracing.run import one_sample


@styled
def saliency(model: Any, image: Any, score: int | None = None) -> Picture:
    """An image, the gradient of a class's score with respect to it, and how large that is.

    The score is the logit, in front of softmax. In the middle the gradient itself, the largest
    over the channels by size: red pixels raise the score when they get brighter, blue ones when
    they get darker. On the right its size alone, as in ``minicnn.tracing.saliency_map``.

    Args:
        model: a built ``Sequential`` for images.
        image: (H, W, C), (1, H, W, C) or, when C is 1, (H, W).
        score: the class; by default the one with the highest score.

    Raises:
        ValueError: the image does not fit the model, or there is no such class.

    Example::

        figure = minicnn.plots.saliency(model, x_test[0])
        figure.savefig("saliency.png")

    Source: Simonyan, Vedaldi, Zisserman (2014), Deep Inside Convolutional Networks, section 3.
    """
    traced = trace(model, image, score=score)
    slopes = strongest(traced.dimage)  # (H, W)
    figure = Picture(figsize=(12.4, 4.4))
    axes = figure.subplots(1, 3)
    figure.suptitle(f"The gradient of {traced.differentiated}", x=0.01, ha="left", fontsize=15,
                    fontweight="bold")  # fmt: skip
    show_image(axes[0], picture_of(one_sample(model, image)[0]))
    axes[0].set_title("image", fontweight="normal")
    for plot, values, title in (
        (axes[1], slopes, "gradient"),
        (axes[2], abs(slopes), "its size"),
    ):
        scale = Scale(values)
        scale.bar(figure, scale.show(plot, values), plot, shrink=0.85, pad=0.02)
        plot.set_title(title, fontweight="normal")
    return figure


def strongest(gradient: Any) -> Any:
    """(H, W, C)  ->  (H, W): of each pixel the channel whose gradient is largest in size."""
    best = abs(gradient).argmax(axis=-1)  # (H, W)
    rows, columns = best.shape
    return gradient[[[i] for i in range(rows)], range(columns), best]
