"""HTML taken apart as browsers do, whatever stands in it."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.learning.vectorize.wording import without_markup
from exporters.label_studio.read_texts import rendered
from exporters.markup import pieces

HALVES = (
    "<!--",
    "<![ x",
    "<a ",
    "<a",
    "<!",
    "</",
    "</a",
    "<?",
    "&",
    "&#9",
    "<a b='",
    "<script>",
    "<script></script ",
)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a<!-- b --!>c", "ac"),
        ("a<!-->c", "ac"),
        ("a<!-- never closed <b>c", "a"),
        ("a<![CDATA[b]]>c", "ac"),
        ("a<![ x", "a"),
        ("a<?xml b?>c", "ac"),
        ("a</ b>c", "ac"),
        ("a<b c='>' d=\">\" e=f>g", "ag"),
        ("a<b c='never closed>d", "a"),
        ("1 < 2 <3", "1 < 2 <3"),
        ("a<br/>b", "a\nb"),
        ("a</style>b", "ab"),
        ("<style>a<b>c</style>d", "d"),
        ("<SCRIPT>if (a</b/) {}</Script >d", "d"),
        ("&lt;b&gt; &auml; &#228; &#xe4; &nosuch;", "<b> ä ä ä &nosuch;"),
        ("&#" + "9" * 6000 + ";", "\ufffd"),
    ],
)
def test_a_source_shows_what_a_browser_shows(source: str, text: str) -> None:
    assert rendered(source) == text


@pytest.mark.parametrize("half", HALVES)
def test_what_is_never_closed_takes_time_in_proportion(half: str) -> None:
    """A hundred thousand of them take a second at most; taken anew at each one they would take hours."""
    rendered(half * 100_000)
    without_markup(half * 100_000)


@given(st.text(alphabet="<>/!-?[]&#;=\"' aBsx1\n", max_size=60))
def test_any_text_is_taken_apart(source: str) -> None:
    assert sum(len(value) for kind, value in pieces(source) if kind == "text") <= 2 * len(source)


class Standard(HTMLParser):
    """The standard library's parser, for sources that are whole."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.found.append(("start", tag))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(("end", tag))

    def handle_data(self, data: str) -> None:
        self.found.append(("text", data))


WORDS = st.text(alphabet="ab &;\n", min_size=1, max_size=5)
TAGS = st.sampled_from(["<p>", "</p>", "<B>", "</b>", '<a href="x>y">', "<i class=x >", "<br>", "<!-- c -->"])


@given(st.lists(WORDS | TAGS, max_size=12).map("".join))
def test_whole_sources_fall_into_the_same_pieces_as_with_the_standard_parser(source: str) -> None:
    standard = Standard()
    standard.feed(source)
    standard.close()
    assert list(pieces(source)) == standard.found
