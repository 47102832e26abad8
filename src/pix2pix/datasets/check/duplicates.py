"""Which pairs are there more than once: equal pixels, or the same picture compressed or resized.

Each half has a thumbnail of 8 x 8 px. Equal pixels are recognised by their digest; for the rest a k-d tree
over coarse thumbnails finds candidates without comparing every pair with every other, and the thumbnails
decide.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from pix2pix.pictures.codec import Array

# Measured on 900 pairs: saved again as JPEG (quality 60 to 95, 3/4 to 3/2 of the size), their thumbnails
# differ by 0.11 of the contrast at most, nowhere by more than 0.42. Different pairs differ by 0.15 and 0.67
# at least, frames of one film less.
_APART, _FARTHEST = 0.12, 0.45  # root mean square and maximum, of the contrast
_NEIGHBOURS = 6  # of a pair, the nearest that are compared: copies of copies are linked in a chain


def thumbnail(picture: Image.Image) -> Array:
    """Return (8, 8, 3) uint8 of a picture."""
    return np.asarray(picture.convert("RGB").resize((8, 8), Image.Resampling.BOX))


def same_pairs(digests: Array, thumbnails: Array) -> list[list[int]]:
    """Return groups of rows that show the same pair, each sorted, first rows first.

    `digests` are (N, 2) uint64, `thumbnails` (N, 2, 8, 8, 3) uint8: source and target.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    _, first, which = np.unique(digests, axis=0, return_index=True, return_inverse=True)
    # Of equal rows, the first stands for all.
    near = first[_near(thumbnails[first])] if len(first) > 1 else np.empty((0, 2), int)
    links = np.concatenate([near, np.stack([np.arange(len(digests)), first[which.ravel()]], axis=1)])
    size = len(digests)
    matrix = coo_matrix((np.ones(len(links), bool), (links[:, 0], links[:, 1])), shape=(size, size))
    return equal_rows(connected_components(matrix, directed=False)[1][:, None])


def equal_rows(values: Array) -> list[list[int]]:
    """Return groups of two or more equal rows of (N, K), each sorted, first rows first."""
    groups: dict[bytes, list[int]] = {}
    for row, value in enumerate(values):
        groups.setdefault(value.tobytes(), []).append(row)
    return [group for group in groups.values() if len(group) > 1]


def _near(thumbnails: Array) -> Array:
    """Return (M, 2) rows whose thumbnails agree."""
    from scipy.spatial import cKDTree

    pictures = thumbnails.astype(np.float32)
    contrast = (pictures - pictures.mean(axis=(2, 3), keepdims=True)).std(axis=(1, 2, 3, 4))
    # Means of 4 x 4 cells differ no more than the cells do, so that no pair within reach is missed.
    coarse = pictures.reshape(-1, 2, 2, 4, 2, 4, 3).mean(axis=(3, 5)).reshape(len(pictures), -1)
    reach = _APART * contrast * np.sqrt(coarse.shape[1])
    count = min(_NEIGHBOURS, len(pictures))
    farthest = float(reach.max()) + 1e-6
    _, nearest = cKDTree(coarse).query(coarse, count, distance_upper_bound=farthest, workers=-1)
    one = np.repeat(np.arange(len(pictures)), count)
    other = nearest.ravel()
    kept = (other < len(pictures)) & (other != one)
    one, other = one[kept], other[kept]
    apart = np.abs(pictures[one] - pictures[other])
    axes = (1, 2, 3, 4)
    same = np.sqrt((apart**2).mean(axis=axes)) <= _APART * contrast[one]
    same &= (apart.max(axis=axes) <= _FARTHEST * contrast[one]) & (contrast[one] > 0)
    return np.stack([one[same], other[same]], axis=1)
