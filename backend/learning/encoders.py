"""The pretrained encoders of this process, by its settings: opened when they are first needed, then kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from clean_al.encoders.encoder import Encoder
from clean_al.encoders.find import FoundEncoder, find_encoder

# What `auto` means in the loop: what is installed, and nothing that would have to be fetched.
INSTALLED = "package"
# Seconds after which one that was not the wanted one is opened anew.
AGAIN = 60.0


@dataclass(frozen=True)
class Encoders:
    """One encoder a kind of input; threads may share them.

    Attributes
    ----------
    settings : by kind ("text", "image"), as CLEAN_AL_TEXT_ENCODER and its like say
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    _found: dict[str, FoundEncoder] = field(default_factory=dict, repr=False)
    _opened_at: dict[str, float] = field(default_factory=dict, repr=False)
    _opening: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __contains__(self, kind: str) -> bool:
        """Whether one is asked for; it may still be missing."""
        return self.setting(kind).lower() != "off"

    def setting(self, kind: str) -> str:
        """Return what the settings say of a kind."""
        return self.settings.get(kind, "off").strip()

    def find(self, kind: str) -> FoundEncoder:
        """Return the encoder of a kind, or in words why there is none."""
        # One at a time: it takes seconds and hundreds of megabytes, and threads may ask at once.
        with self._opening:
            if kind not in self._found:
                self._open(kind)
            return self._found[kind]

    def of(self, kind: str, identity: str) -> Encoder | None:
        """Return the very encoder of this identity; None where the setting opens another one, or none."""
        found = self.find(kind).encoder
        with self._opening:
            if found is None or found.identity != identity:
                # What lies behind the setting may have been exchanged since it was opened.
                if time.monotonic() - self._opened_at[kind] < AGAIN:
                    return None
                self._open(kind)
                found = self._found[kind].encoder
        return found if found is not None and found.identity == identity else None

    def _open(self, kind: str) -> None:
        setting = self.setting(kind)
        self._found[kind] = find_encoder(kind, INSTALLED if setting.lower() == "auto" else setting)
        self._opened_at[kind] = time.monotonic()
