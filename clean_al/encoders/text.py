"""Texts as rows of a pretrained sentence encoder."""

from __future__ import annotations

import re
from typing import Any

from clean_al.encoders.encoder import Encoder, is_missing

# Models read a few hundred tokens; a tokenizer would read a whole book first.
CHARACTERS = 16_384
# Half a pair cannot be encoded as UTF-8, which the tokenizer takes; JSON lets it through.
SURROGATE = re.compile("[\ud800-\udfff]")


class TextEncoder(Encoder):
    """Turns texts into the rows of a pretrained sentence encoder.

    Put them beside features made from your own texts (`join_blocks`), not in their place: the encoder knows
    what words mean, not which words matter in your task.

    Parameters
    ----------
    name : str, default "auto"
        auto, package, hub, a path, fastembed:NAME, sentence-transformers:NAME, open_clip:NAME, or
        package.module:factory.
        "auto" is MiniLM-L6 (Wang et al., 2020; 384 columns, English): the weights that
        ``clean-al[encoders]`` installs, else those of the model hub.
    threads : int, default 1

    Raises
    ------
    EncoderNameError, EncoderMissing, EncoderRefused
        See `clean_al.encoders.errors`; `find_encoder` gives the reason in words instead.

    Notes
    -----
    None, NaN, empty texts, and those without a character that the model reads are rows of zeros. Of a long
    text the first 16,384 characters count, and of those what the model reads (MiniLM: 256 tokens). Half a
    surrogate pair reads as the replacement character.

    References
    ----------
    Reimers & Gurevych, Sentence-BERT, EMNLP 2019. Wang et al., MiniLM, NeurIPS 2020.

    Examples
    --------
    >>> from clean_al import TextEncoder
    >>> encoder = TextEncoder()                                                  # doctest: +SKIP
    >>> encoder.encode(["my card was lost", "", None]).shape                     # doctest: +SKIP
    (3, 384)
    """

    kind = "text"
    window = 1024

    def _read(self, value: Any, place: int) -> str | None:
        if is_missing(value):
            return None
        if not isinstance(value, str):
            raise TypeError(f"values[{place}] must be a text or None, not {type(value).__name__}")
        # Stripped on the left before the cut: a page of blanks must not use up the characters that count.
        text = SURROGATE.sub("\ufffd", value.lstrip()[:CHARACTERS]).strip()
        return text or None
