"""Pictures of what changed between faces: red where one is brighter than the other, blue where it is darker."""

import numpy as np

from affectspace.report.checks import checked_images

LEAST = 0.1  # of the full brightness: smaller differences are not stretched to full colour
LUMINANCE = np.array([0.299, 0.587, 0.114])
LEGEND = "red: brighter than the reconstruction, blue: darker"


def difference_images(images: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, float]:
    """Colour how much brighter or darker pictures are than a reference.

    Parameters
    ----------
    images : ndarray of shape (..., height, width, 3), uint8
        RGB pictures.
    reference : ndarray of shape (height, width, 3), uint8
        What they are compared with.

    Returns
    -------
    pictures : ndarray of the shape of the images, uint8
        White where nothing changed, red where a picture is brighter, blue where it is darker.
    limit : float
        The change of brightness that has the full colour, as a share of the full brightness: the largest one, and at least 0.1.

    Raises
    ------
    DataError
        If shape or type of the pictures is wrong.

    Examples
    --------
    >>> import numpy as np
    >>> face = np.zeros((8, 8, 3), np.uint8)
    >>> pictures, limit = difference_images(face[None], face)
    >>> int(pictures.min()), limit
    (255, 0.1)
    """
    reference = checked_images(reference, ("height", "width", 3), "the reference")
    images = np.asarray(images)
    flat = checked_images(images.reshape(-1, *images.shape[-3:]), ("n", *reference.shape), "pictures of the same size")
    change = (flat.astype(np.float64) - reference) @ LUMINANCE / 255
    limit = max(float(np.abs(change).max()), LEAST)
    return colours(change / limit).reshape(images.shape), limit


def colours(change: np.ndarray) -> np.ndarray:
    """Return the colours of changes on [-1, 1], (..., 3) uint8: 0 is white."""
    strength = np.abs(change)[..., None]
    full = np.where(change[..., None] > 0, np.array([178, 24, 43]), np.array([33, 102, 172]))
    return (255 + strength * (full - 255.0)).round().astype(np.uint8)
