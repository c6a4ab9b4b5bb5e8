"""Labeled spans: offsets as Label Studio counts them, the sequence model, and what it is unsure of."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from backend.learning.answers import Guess, Span
from backend.learning.controls import RegionLabels, Spans
from backend.learning.learned import LEARNED, SpansIn
from backend.learning.learned.crf import ConditionalRandomField
from backend.learning.learned.spans_in import runs_of, tags_of
from backend.learning.learned.words import features_of, shape_of, words_of
from backend.learning.shown_text import Page, ShownText
from backend.learning.tasks import Tasks
from tests.backend.learning.lessons import how, item, on_text, one, sentences, with_numbers

LABELS = '<Label value="PER"/><Label value="LOC"/>'
TEXT = on_text(f'<Labels name="c" toName="t">{LABELS}</Labels>')
HTML = (
    '<View><HyperText name="t" value="$t"/>'
    f'<HyperTextLabels name="c" toName="t">{LABELS}</HyperTextLabels></View>'
)
TALK = (
    '<View><Paragraphs name="t" value="$t" textKey="says" nameKey="who"/>'
    f'<ParagraphLabels name="c" toName="t">{LABELS}</ParagraphLabels></View>'
)


def marked(start: Any, end: Any, label: str = "PER", **value: Any) -> dict[str, Any]:
    return item("c", "labels", {"start": start, "end": end, "labels": [label], **value})


class TestOffsets:
    def test_text_counts_code_points(self) -> None:
        control = one(TEXT)
        assert type(control) is Spans
        assert control.answer_of([marked(6, 10, "LOC"), marked(0, 3)]) == (
            Span(0, 3, "PER"),
            Span(6, 10, "LOC"),
        )
        (first,) = control.result_for(Guess((Span(2, 5, "PER"),), 0.5, ((Span(2, 5, "PER"), 0.75),)))
        assert first["value"] == {"start": 2, "end": 5, "labels": ["PER"]}
        assert first["score"] == 0.75, "a span's own confidence"

    def test_rich_text_goes_by_global_offsets(self) -> None:
        control = one(HTML)
        value = {"start": "/p[1]/text()[1]", "end": "/p[1]/text()[1]", "startOffset": 1, "endOffset": 4}
        value |= {"globalOffsets": {"start": 7, "end": 10}, "hypertextlabels": ["PER"]}
        assert control.answer_of([item("c", "hypertextlabels", value)]) == (Span(7, 10, "PER"),)
        (again,) = control.result_for(Guess((Span(7, 10, "PER"),), 0.5))
        assert again["value"]["globalOffsets"] == {"start": 7, "end": 10}

    def test_a_dialogue_goes_by_phrases_and_utf_16(self) -> None:
        control = one(TALK)
        value = {"start": "1", "end": "1", "startOffset": 3, "endOffset": 7, "paragraphlabels": ["PER"]}
        assert control.answer_of([item("c", "paragraphlabels", value)]) == (Span((1, 3), (1, 7), "PER"),)
        (again,) = control.result_for(Guess((Span((1, 3), (1, 7), "PER"),), 0.5))
        assert again["value"] == value
        page = ShownText.of(control.tag).page({"t": [{"says": "hi"}, {"says": "😀 Anna"}]})
        assert page is not None
        assert page.text == "hi\n😀 Anna"
        assert (page.offset((1, 3)), page.place(5)) == (5, (1, 3))
        assert page.text[5:9] == "Anna"

    @pytest.mark.parametrize("config", [TEXT, HTML, TALK])
    @pytest.mark.parametrize("start", [None, -1, 1.5, True, [], "x"])
    def test_a_span_without_whole_offsets_is_an_annotation_that_makes_no_sense(
        self, config: str, start: Any
    ) -> None:
        control = one(config)
        kind = control.tag.tag.lower()
        value = {"start": start, "end": 4, kind: ["PER"], "startOffset": 0, "endOffset": 1}
        with pytest.raises(ValueError, match="offsets"):
            control.answer_of([item("c", kind, value)])

    def test_a_span_past_the_text_is_not_learned_from(self) -> None:
        page = Page("Anna left")
        assert tags_of(page, words_of(page.text), [Span(0, 4, "PER"), Span(5, 99, "LOC")]) == ["B-PER", "O"]
        talk = Page("a\nb", ("a", "b"))
        assert tags_of(talk, words_of(talk.text), [Span((0, 0), (7, 1), "PER"), Span(0, 1, "PER")]) == [
            "O",
            "O",
        ]

    @drawn(st.lists(st.text(max_size=8), min_size=1, max_size=4), st.data())
    def test_every_code_point_of_a_dialogue_has_one_place(
        self, phrases: list[str], data: st.DataObject
    ) -> None:
        whole = "\n".join(p.encode("utf-8", "replace").decode() for p in phrases)
        page = Page(whole, tuple(p.encode("utf-8", "replace").decode() for p in phrases))
        offset = data.draw(st.integers(0, len(whole)))
        assert page.offset(page.place(offset)) == offset


def test_a_text_that_lies_elsewhere_is_learned_by_its_labels_alone() -> None:
    control = one(TEXT.replace("<Text", '<Text valueType="url"'))
    assert type(control) is RegionLabels


def test_most_annotators_decide_span_by_span() -> None:
    per, loc = Span(0, 4, "PER"), Span(9, 13, "LOC")
    assert one(TEXT).settle([(per, loc), (per,), (per, loc)]) == (per, loc)
    assert one(TEXT).settle([(per, loc), (per,)]) == (per,), "the latest decides a tie"
    assert one(TEXT).counts([(per, per), (loc,), ()]) == {"PER": 1, "LOC": 1}


class TestWords:
    def test_words_numbers_and_marks(self) -> None:
        text = "Dr. Zoë paid 30€, twice_!"
        assert [text[a:b] for a, b in words_of(text)] == [
            "Dr",
            ".",
            "Zoë",
            "paid",
            "30",
            "€",
            ",",
            "twice",
            "_",
            "!",
        ]

    def test_scripts_without_blanks_go_letter_by_letter(self) -> None:
        assert [b - a for a, b in words_of("東京へABC行く")] == [1, 1, 1, 3, 1, 1]

    def test_a_very_long_text_ends_somewhere(self) -> None:
        assert len(words_of("a " * 9000)) == 5000

    def test_shapes(self) -> None:
        assert [shape_of(w) for w in ("Zoë", "B2b", "…", "東")] == ["Xxx", "Xdx", "…", "x"]

    def test_neighbors_tell_less_than_the_word_itself(self) -> None:
        assert features_of("Ab", 1) == ("1:w=ab", "1:s=Xx", "1:k=Xx")
        assert features_of("Ab", -2) == ("-2:w=ab",)
        assert {"bias", "p=a", "e=b", "p=ab", "e=ab", "0:w=ab"} <= set(features_of("Ab", 0))

    @drawn(st.text(max_size=60))
    def test_words_do_not_overlap_and_leave_only_blanks_out(self, text: str) -> None:
        spans = words_of(text)
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
        left = set(range(len(text))) - {i for a, b in spans for i in range(a, b)}
        assert not any(text[i].isalpha() and text[i].isascii() for i in left)


def test_tags_and_spans_are_two_sides() -> None:
    page = Page("Anna Maria went to New York .")
    spans = [Span(0, 10, "PER"), Span(19, 27, "LOC")]
    tags = tags_of(page, words_of(page.text), spans)
    assert tags == ["B-PER", "I-PER", "O", "O", "B-LOC", "I-LOC", "O"]
    assert runs_of(tags) == [(0, 1, "PER"), (4, 5, "LOC")]


def test_of_overlapping_spans_the_longest_counts() -> None:
    page = Page("New York City")
    assert tags_of(page, words_of(page.text), [Span(0, 8, "LOC"), Span(0, 13, "PER")]) == [
        "B-PER",
        "I-PER",
        "I-PER",
    ]


def test_tags_that_go_on_with_nothing_begin_a_span() -> None:
    assert runs_of(["I-PER", "I-LOC", "O", "B-LOC", "B-LOC"]) == [
        (0, 0, "PER"),
        (1, 1, "LOC"),
        (3, 3, "LOC"),
        (4, 4, "LOC"),
    ]


class TestRandomField:
    def test_likeliest_and_probabilities_are_those_of_all_sequences_counted_out(self) -> None:
        rng = np.random.default_rng(1)
        words = ["a", "b", "c"]
        names = sorted({name for w in words for away in range(-2, 3) for name in features_of(w, away)})
        rows = {name: i for i, name in enumerate(names)}
        model = ConditionalRandomField(
            ("O", "B-x", "I-x"), rows, rng.normal(size=(len(rows), 3)), rng.normal(size=(3, 3))
        )
        texts = [["a", "b", "c", "a"], [], ["c"], ["b", "unknown"]]
        for text, reading in zip(texts, model.read(texts), strict=True):
            scores = {
                tags: self.score(model, text, tags) for tags in itertools.product(range(3), repeat=len(text))
            }
            total = sum(np.exp(s) for s in scores.values())
            best = max(scores, key=lambda tags: scores[tags])
            assert tuple(reading.tags) == best
            assert reading.probability == pytest.approx(np.exp(scores[best]) / total)
            for i, tag in enumerate(best):
                share = sum(np.exp(s) for tags, s in scores.items() if tags[i] == tag) / total
                assert reading.sure[i] == pytest.approx(share)

    @staticmethod
    def score(model: ConditionalRandomField, words: list[str], tags: tuple[int, ...]) -> float:
        total = 0.0
        for i, tag in enumerate(tags):
            for away in range(-2, 3):
                at = i + away
                word = "\x02" if at < 0 else "\x03" if at >= len(words) else words[at]
                total += sum(
                    model.weights[model.rows[f], tag] for f in features_of(word, away) if f in model.rows
                )
            if i:
                total += model.transitions[tags[i - 1], tag]
        return float(total)


class TestLearned:
    def learned(self) -> SpansIn:
        tasks, given = sentences((), 60)
        found = one(TEXT).learn(tasks, given, how(60))
        assert isinstance(found, SpansIn)
        return found

    def test_new_texts_are_read(self) -> None:
        (guess,) = self.learned().guess(texts("Anna came from Oslo ."))
        assert guess.answer == (Span(0, 4, "PER"), Span(15, 19, "LOC"))
        assert guess.confidence > 0.5
        assert [span for span, _ in guess.parts] == list(guess.answer)

    def test_a_word_in_an_odd_place_is_in_doubt(self) -> None:
        doubt = self.learned().doubt(texts("we like it very much", "we went Early Oslo Anna", ""))
        assert doubt[1] > doubt[0]
        assert doubt[2] == 0

    def test_tasks_of_the_same_least_sure_word_are_of_one_group(self) -> None:
        groups = self.learned().groups(texts("we like Xkcd", "we like Xkcd", "we like Zwpq"))
        assert groups[0] == groups[1] != groups[2]

    def test_a_task_without_its_text_is_guessed_nothing(self) -> None:
        (guess,) = self.learned().guess(with_numbers([{"v": [1.0], "t": ["no", "text"]}]))
        assert (guess.answer, guess.confidence) == ((), 0.0)

    def test_nothing_marked_is_said(self) -> None:
        tasks, _ = sentences((), 4)
        assert one(TEXT).learn(tasks, [()] * 4, how(4)) == "nothing has been marked so far"
        assert one(TEXT).learn(tasks, [(Span(90, 99, "PER"),)] * 4, how(4)) == (
            "no marked span lies on a word of its text"
        )

    @pytest.mark.parametrize("config", [HTML, TALK])
    def test_rich_text_and_dialogues_are_learned_in_their_own_offsets(self, config: str) -> None:
        control = one(config)
        data, given = [], []
        for i in range(40):
            name = ("Anna", "Bodo", "Mia")[i % 3]
            data.append(
                {"v": [1.0], "t": f"<b>{name}</b> left" if config == HTML else said("hm", f"{name} left")}
            )
            start: Any = 0 if config == HTML else (1, 0)
            given.append((Span(start, len(name) if config == HTML else (1, len(name)), "PER"),))
        learned = control.learn(with_numbers(data), given, how(40))
        assert isinstance(learned, SpansIn)
        assert [guess.answer for guess in learned.guess(with_numbers(data))] == given

    def test_weights_that_do_not_fit_are_refused(self) -> None:
        values, arrays = self.learned().state()
        values = json.loads(json.dumps(values))
        values["features"].append("one more")
        with pytest.raises(ValueError, match="weights of shape"):
            LEARNED["spans in a text"].from_state((values, arrays), {})


def said(*phrases: str) -> list[dict[str, str]]:
    return [{"who": "x", "says": phrase} for phrase in phrases]


def texts(*given: str) -> Tasks:
    return with_numbers([{"v": [1.0], "t": text} for text in given])
