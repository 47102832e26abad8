"""Which pairs are there more than once: equal pixels, or the same picture compressed or resized.

Each half has a thumbnail of 8 x 8 px. Equal pixels are recognised by their digest; for the rest a k-d tree
over coarse thumbnails finds candidates without comparing every pair with every other, and the thumbnails
decide.
"""

from collections.abc import Mapping

import numpy as np

from pix2pix.pictures.codec import Array

# Measured on 900 pairs: saved again as JPEG (quality 60 to 95, 3/4 to 3/2 of the size), the thumbnails of 99
# in 100 differ by 0.07 of the contrast at most, nowhere by more than 0.28. Different pairs differ by 0.15 and
# 0.67 at least; frames of one film in which nothing moves, by 0.07 and 0.23, are the same.
_APART, _FARTHEST = 0.12, 0.5  # root mean square and maximum, of the contrast
_NEIGHBOURS = 6  # of a pair, the nearest that are compared: copies of copies are linked in a chain


def same_pairs(digests: Array, thumbnails: Array) -> list[list[int]]:
    """Return groups of rows that show the same pair, each sorted, first rows first.

    `digests` are (N, 2) uint64, `thumbnails` (N, 2, 8, 8, 3) uint8: source and target.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    _, first, which = np.unique(digests, axis=0, return_index=True, return_inverse=True)
    # Of equal rows, the first stands for all.
    equal = np.stack([np.arange(len(digests)), first[which.ravel()]], axis=1)
    one, other = np.concatenate([first[_near(thumbnails[first])], equal]).T
    links = coo_matrix((np.ones(len(one), bool), (one, other)), shape=(len(digests), len(digests)))
    return group_rows(dict(enumerate(connected_components(links, directed=False)[1].tolist())))


def group_rows(values: Mapping[int, int]) -> list[list[int]]:
    """Return the groups of two or more rows of one value, first rows first."""
    groups: dict[int, list[int]] = {}
    for row, value in values.items():
        groups.setdefault(value, []).append(row)
    return [group for group in groups.values() if len(group) > 1]


def _near(thumbnails: Array) -> Array:
    """Return (M, 2) rows whose thumbnails agree."""
    from scipy.spatial import cKDTree

    pictures = thumbnails.astype(np.float32)
    contrast = (pictures - pictures.mean(axis=(2, 3), keepdims=True)).std(axis=(1, 2, 3, 4))
    # Means of 4 x 4 cells differ no more than the cells do, so that no pair within reach is missed.
    coarse = pictures.reshape(-1, 2, 2, 4, 2, 4, 3).mean(axis=(3, 5)).reshape(len(pictures), -1)
    reach = _APART * float(contrast.max()) * coarse.shape[1] ** 0.5 + 1e-6
    _, nearest = cKDTree(coarse).query(coarse, _NEIGHBOURS, distance_upper_bound=reach, workers=-1)
    rows, places = np.nonzero((nearest < len(pictures)) & (nearest != np.arange(len(pictures))[:, None]))
    others = nearest[rows, places]
    apart, axes = np.abs(pictures[rows] - pictures[others]), (1, 2, 3, 4)
    same = (contrast[rows] > 0) & (np.sqrt((apart**2).mean(axis=axes)) <= _APART * contrast[rows])
    same &= apart.max(axis=axes) <= _FARTHEST * contrast[rows]
    return np.stack([rows[same], others[same]], axis=1)
