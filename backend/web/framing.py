"""Where one HTTP/1.1 request ends: told from the bytes as they come, without waiting for any.

What the fields of a request mean is left to gunicorn's parser. Here it is only found out when a request is
whole, so that no thread is spent on one that is not. A chunked body is put together, and handed on with its
length.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

LONGEST_HEAD = 65_536
# Digits alone: int() would take signs, blanks and underscores, too.
LENGTH = re.compile(rb"[0-9]{1,19}")
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(;[^\r\n]*)?")
LONGEST_CHUNK_LINE = 1024
HEAD_ENDS, LINE_ENDS = b"\r\n\r\n", b"\r\n"


class BadFraming(Exception):
    """The bytes are no request that we would answer; `status` says how to refuse it."""

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Whole:
    """A request with all that will be read of it.

    Attributes
    ----------
    path : the address asked for, as sent
    fields : the values of each field of the head, by its name in lower case
    cut : whether the body was left where it is, since it is too long or its sender is unknown; the connection
        then ends with the answer
    """

    head: bytes
    body: bytes
    path: bytes
    cut: bool = False
    fields: dict[bytes, list[bytes]] = field(default_factory=dict, compare=False, repr=False)


@dataclass
class Framing:
    """Puts requests together.

    Parameters
    ----------
    longest_body : bytes; a longer body is not waited for
    admits : given the value of the Authorization header, whether a body is worth waiting for
    """

    longest_body: int
    admits: Callable[[bytes], bool]
    buffer: bytearray = field(default_factory=bytearray)
    _head: bytes | None = None
    _path: bytes = b""
    _fields: dict[bytes, list[bytes]] = field(default_factory=dict)
    _missing: int = 0
    _chunked: bool = False
    _chunks: bytearray = field(default_factory=bytearray)
    _in_trailer: bool = False
    _searched: int = 0
    wants_continue: bool = False

    @property
    def has_head(self) -> bool:
        """Whether a body is being waited for."""
        return self._head is not None

    @property
    def size(self) -> int:
        """Bytes held."""
        return len(self.buffer) + len(self._chunks)

    def feed(self, data: bytes) -> None:
        """Take in what has come."""
        self.buffer += data

    def next(self) -> Whole | None:
        """Return the next request when it is whole; None while more must come.

        Raises
        ------
        BadFraming
            The connection is of no use any more.
        """
        if self._head is None:
            end = self.buffer.find(HEAD_ENDS, self._searched)
            if end < 0:
                # Only new bytes are searched: else a head that comes byte by byte costs its length squared.
                self._searched = max(len(self.buffer) - len(HEAD_ENDS) + 1, 0)
                if len(self.buffer) > LONGEST_HEAD:
                    raise BadFraming(431, "the head is too long")
                return None
            head = bytes(self.buffer[: end + len(HEAD_ENDS)])
            del self.buffer[: len(head)]
            if not self._read_head(head):
                return self._done(b"", cut=True)
        return self._read_chunks() if self._chunked else self._read_body()

    def _read_head(self, head: bytes) -> bool:
        """Note what the head says of the body; return whether it is to be waited for."""
        first, *lines = head[: -len(HEAD_ENDS)].split(LINE_ENDS)
        words = first.split(b" ")
        self._path = words[1] if len(words) > 1 else b""
        fields: dict[bytes, list[bytes]] = {}
        self._fields = fields
        for line in lines:
            name, _, value = line.partition(b":")
            fields.setdefault(name.lower(), []).append(value.strip())
        lengths, codings = fields.get(b"content-length", []), fields.get(b"transfer-encoding", [])
        # Where two ends can disagree on where a body ends, a second request can be hidden in the first.
        if len(lengths) > 1 or (lengths and codings) or not all(map(LENGTH.fullmatch, lengths)):
            raise BadFraming(400, "the length of the body is not clear")
        if codings and [c.lower() for c in codings] != [b"chunked"]:
            raise BadFraming(501, "the transfer coding is not known")
        self._missing, self._chunked = int(lengths[0]) if lengths else 0, bool(codings)
        expects = bool(fields.get(b"expect"))
        # Both are dealt with here: gunicorn would answer "100 Continue" once more, and look for chunks.
        self._head = _without(head, b"expect", b"transfer-encoding") if expects or codings else head
        has_body = self._chunked or self._missing > 0
        # A stranger is refused by the head alone, so nobody without a credential can fill our memory.
        awaited = self._missing <= self.longest_body and self.admits(
            b",".join(fields.get(b"authorization", []))
        )
        self.wants_continue = expects and has_body and awaited
        return awaited or not has_body

    def _read_body(self) -> Whole | None:
        if len(self.buffer) < self._missing:
            return None
        # By a view: a slice would be one more copy of a long body.
        with memoryview(self.buffer) as view:
            body = bytes(view[: self._missing])
        del self.buffer[: self._missing]
        return self._done(body)

    def _read_chunks(self) -> Whole | None:
        while True:
            if self._missing:
                # The chunk with the line end behind it, which comes last.
                taken = min(len(self.buffer), max(self._missing - len(LINE_ENDS), 0))
                self._chunks += self.buffer[:taken]
                del self.buffer[:taken]
                self._missing -= taken
                if len(self._chunks) > self.longest_body:
                    return self._done(b"", cut=True)
                if self._missing > len(LINE_ENDS) or len(self.buffer) < self._missing:
                    return None
                if self.buffer[: self._missing] != LINE_ENDS:
                    raise BadFraming(400, "a chunk is not as long as it says")
                del self.buffer[: self._missing]
                self._missing = 0
            end = self.buffer.find(LINE_ENDS)
            if end < 0:
                if len(self.buffer) > LONGEST_CHUNK_LINE:
                    raise BadFraming(400, "a chunk has no size")
                return None
            line = bytes(self.buffer[:end])
            del self.buffer[: end + len(LINE_ENDS)]
            if self._in_trailer:
                if not line:
                    return self._done(bytes(self._chunks))
                continue
            found = CHUNK_SIZE.fullmatch(line)
            if not found:
                raise BadFraming(400, "a chunk has no size")
            size = int(found[1], 16)
            self._in_trailer = size == 0
            self._missing = size + len(LINE_ENDS) if size else 0

    def _done(self, body: bytes, *, cut: bool = False) -> Whole:
        head = self._head or b""
        if self._chunked:
            # Said to be longer than what we take: Flask then answers 413, as to one that said so itself.
            length = self.longest_body + 1 if cut else len(body)
            head = head[: -len(LINE_ENDS)] + b"Content-Length: %d\r\n\r\n" % length
        path, fields = self._path, self._fields
        self._head, self._path, self._missing, self._chunked = None, b"", 0, False
        self._chunks, self._in_trailer, self._searched, self.wants_continue = bytearray(), False, 0, False
        return Whole(head, body, path, cut, fields)


def _without(head: bytes, *names: bytes) -> bytes:
    lines = head.split(LINE_ENDS)
    return LINE_ENDS.join(line for line in lines if line.partition(b":")[0].lower() not in names)
