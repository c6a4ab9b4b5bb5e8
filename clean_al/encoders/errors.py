"""Everything that the encoders raise on purpose.

EncoderError
├── EncoderNameError     the name has no form that is known; says which forms there are
├── EncoderMissing       what it names is not to be had here: not installed, no such path, no network
└── EncoderRefused       it is there, but must not be used: damaged, of another kind, another checksum
"""

from __future__ import annotations


class EncoderError(Exception):
    """Base of all errors of the encoders."""


class EncoderNameError(EncoderError, ValueError):
    """The name of an encoder cannot be read."""


class EncoderMissing(EncoderError):
    """The encoder is not here; the loop goes on without."""


class EncoderRefused(EncoderError):
    """The encoder is here and is not what it should be; the loop goes on without."""
