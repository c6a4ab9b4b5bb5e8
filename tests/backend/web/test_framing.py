"""Where a request ends, told from bytes that come in any pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.web.framing import LONGEST_HEAD, BadFraming, Framing, Whole


def framing(longest: int = 100, admits: bool = True) -> Framing:
    return Framing(longest, lambda authorization: admits)


def request(*fields: str, method: str = "POST", path: str = "/x") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: here", *fields, "", ""]).encode()


LENGTH_5 = request("Content-Length: 5")
CHUNKED = request("Transfer-Encoding: chunked")


def test_a_request_without_a_body_ends_with_its_head() -> None:
    one = framing()
    one.feed(request(method="GET", path="/a?b")[:-1])
    assert one.next() is None
    one.feed(b"\n")
    assert one.next() == Whole(request(method="GET", path="/a?b"), b"", b"/a?b")


def test_a_body_has_the_length_that_it_says_and_what_follows_is_the_next_request() -> None:
    one = framing()
    one.feed(LENGTH_5 + b"12345" + request(method="GET"))
    assert one.next() == Whole(LENGTH_5, b"12345", b"/x")
    assert one.next() == Whole(request(method="GET"), b"", b"/x")
    assert one.next() is None


def test_a_chunked_body_is_put_together_and_gets_a_length() -> None:
    one = framing()
    one.feed(CHUNKED + b"3;name=value\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\nGET")
    assert one.next() == Whole(LENGTH_5, b"abcde", b"/x")
    assert bytes(one.buffer) == b"GET"


@given(cuts=st.lists(st.integers(0, 200), max_size=8))
def test_it_does_not_matter_in_which_pieces_they_come(cuts: list[int]) -> None:
    stream = LENGTH_5 + b"12345" + CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" + request(method="GET")
    one, found = framing(), []
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    for begin, end in pairwise(edges):
        one.feed(stream[begin:end])
        while (whole := one.next()) is not None:
            found.append(whole.body)
    assert found == [b"12345", b"abcde", b""]


@pytest.mark.parametrize(
    ("stream", "status"),
    [
        (request("Content-Length: -1"), 400),
        (request("Content-Length: x"), 400),
        (request("Content-Length: "), 400),
        (request("Content-Length: 1", "Content-Length: 1"), 400),
        (request("Content-Length: 1", "Transfer-Encoding: chunked"), 400),
        (request("Transfer-Encoding: gzip, chunked"), 501),
        (request("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 501),
        (CHUNKED + b"-5\r\n", 400),
        (CHUNKED + b"+5\r\n", 400),
        (CHUNKED + b"0x5\r\n", 400),
        (CHUNKED + b"\r\n", 400),
        (CHUNKED + b"ffffffffffffffffff\r\n", 400),
        (CHUNKED + b"3\r\nabcde", 400),
        (CHUNKED + b"5" * 2000, 400),
        (b"x" * (LONGEST_HEAD + 1), 431),
    ],
)
def test_what_has_no_clear_end_is_refused(stream: bytes, status: int) -> None:
    one = framing()
    one.feed(stream)
    with pytest.raises(BadFraming) as told:
        one.next()
    assert told.value.status == status


@pytest.mark.parametrize(
    "stream",
    [request("Content-Length: 101"), CHUNKED + b"65\r\n" + b"x" * 0x65, CHUNKED + b"ffffff\r\n" + b"x" * 101],
)
def test_a_body_that_is_too_long_is_not_waited_for(stream: bytes) -> None:
    one = framing()
    one.feed(stream)
    whole = one.next()
    assert whole is not None
    assert whole.cut
    assert b"Content-Length: 101\r\n" in whole.head
    assert one.size <= 101


def test_a_body_of_a_stranger_is_not_waited_for() -> None:
    one = framing(admits=False)
    one.feed(LENGTH_5)
    assert one.next() == Whole(LENGTH_5, b"", b"/x", cut=True)
    one.feed(request(method="GET"))
    assert one.next() is not None, "who sends no body is answered"


def test_who_asks_first_is_told_to_go_on_if_the_body_is_wanted() -> None:
    asks = request("Expect: 100-continue", "Content-Length: 5")
    one = framing()
    one.feed(asks)
    assert one.next() is None
    assert one.wants_continue
    one.feed(b"12345")
    whole = one.next()
    assert whole is not None
    assert b"Expect" not in whole.head
    for other in (framing(longest=4), framing(admits=False)):
        other.feed(asks)
        assert other.next() is not None
        assert not other.wants_continue
