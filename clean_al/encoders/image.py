"""Pictures as rows of a pretrained network."""

from __future__ import annotations

from typing import Any

from clean_al.encoders.encoder import Encoder, is_missing
from clean_al.encoders.pictures import read_picture


class ImageEncoder(Encoder):
    """Turns pictures into the rows of a network that was trained on others.

    Put them beside features of the pixels (`join_blocks`), not in their place: where pictures are unlike
    photographs, pixels can be as good.

    Parameters
    ----------
    name : str, default "auto"
        auto, package, a path, fastembed:NAME, open_clip:NAME, timm:NAME, or package.module:factory. "auto" is
        EfficientNet-Lite0 (1,280 columns), the weights that ``clean-al[encoders]`` installs.
    threads : int, default 1

    Raises
    ------
    EncoderNameError, EncoderMissing, EncoderRefused
        See `clean_al.encoders.errors`; `find_encoder` gives the reason in words instead.

    Notes
    -----
    A picture is the bytes of an image file, a Path, a PIL image, an array of uint8 of shape (height, width)
    or (height, width, 3 or 4), or None. It is turned as its EXIF tag says, laid on white, and made a square.
    None, NaN, a damaged file and one of more than 50 million pixels are rows of zeros.

    References
    ----------
    Tan & Le, EfficientNet, ICML 2019.

    Examples
    --------
    >>> from pathlib import Path
    >>> from clean_al import ImageEncoder
    >>> encoder = ImageEncoder()                                                 # doctest: +SKIP
    >>> encoder.encode([Path("cat.jpg"), None]).shape                            # doctest: +SKIP
    (2, 1280)
    """

    kind = "image"
    # At most 512 x 512 x 3 bytes each (pictures.LONGEST_SIDE): 50 MB.
    window = 64

    def _read(self, value: Any, place: int) -> Any | None:
        if is_missing(value):
            return None
        try:
            return read_picture(value)
        except TypeError as error:
            raise TypeError(f"values[{place}] must be {error}, not {type(value).__name__}") from None
