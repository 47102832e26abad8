"""Thin line drawings of photographs, like the sources of edges2shoes: black on white.

The paper draws its edges with HED, a trained network, and thins them (section 4, edges -> photo).
This is Canny's detector (1986), without weights. It knows contrast and no objects: texture that HED
would leave out is drawn where it is strong.

Arrays are (H, W, C): H rows, W columns, C channels.
"""

import numpy as np
import skimage  # which loads its parts where they are used

from pix2pix.pictures.codec import Array

# Chosen by eye on flowers, and near the best agreement with the lines of edges2shoes.
LOW, HIGH, SIGMA_PX = 0.1, 0.25, 1.8
SHORTEST_PX = 10  # shorter lines are specks: the data set's own edges were cleaned of them too
FAINTEST = 1 / 10  # of the depth's range: the noise of a nearly empty picture is no drawing


def draw(photograph: Array, low: float, high: float, sigma_px: float) -> Array:
    """Return the edges of (H, W, C) uint8, uint16 or float32: (H, W, 1) uint8, lines 0 on 255.

    A line begins where a step is at least `high` and goes on while it is at least `low`, both as
    parts of the picture's contrast (1 is the step from its darkest to its lightest), so that dim
    and float pictures have lines and one glint does not hide all others. `sigma_px` is the blur
    before. Every channel draws: a red petal on a leaf of equal grey is an edge.
    """
    picture = photograph.astype(np.float32)
    picture -= picture.min()  # far from 0, floats are coarse
    blurred = skimage.filters.gaussian(picture, sigma_px, mode="nearest", channel_axis=-1)
    contrast = np.ptp(blurred, axis=(0, 1)).max()
    if photograph.dtype.kind == "u":
        contrast = max(contrast, FAINTEST * np.iinfo(photograph.dtype).max)
    if contrast == 0:
        return np.full((*photograph.shape[:2], 1), 255, np.uint8)
    # Sobel answers to a step of the whole contrast by 4 weights of the blur on each side.
    reach = np.arange(-int(4 * sigma_px) - 1, int(4 * sigma_px) + 2)
    weights = np.exp(-0.5 * (reach / sigma_px) ** 2)
    step = contrast * 4 * weights[len(reach) // 2 :][:2].sum() / weights.sum()
    # scikit-image draws no line in the outermost pixels.
    planes = np.pad(np.moveaxis(blurred / step, -1, 0), ((0, 0), (1, 1), (1, 1)), "edge")
    drawn = [skimage.feature.canny(plane, 0, low, high, mode="nearest") for plane in planes]
    return _drawing(np.any(drawn, axis=0), 1)


def thin(probability: Array, threshold: float) -> Array:
    """Return the middle lines of where an edge probability (H, W) reaches the threshold.

    The result is (H, W, 1), lines 0 on 255.
    """
    # With a margin, lines that leave the picture are not shortened at its border.
    return _drawing(np.pad(probability >= threshold, SHORTEST_PX, "edge"), SHORTEST_PX)


def _drawing(wide: Array, margin: int) -> Array:
    """Return the middle lines within the margin, (H, W, 1) uint8, 0 on 255, but none that is too short."""
    from skimage.morphology import skeletonize

    lines = skeletonize(wide)[margin:-margin, margin:-margin]
    numbers = skimage.measure.label(lines, connectivity=2)
    long = np.bincount(numbers.ravel()) >= SHORTEST_PX
    return np.where(lines & long[numbers], 0, 255).astype(np.uint8)[:, :, None]
