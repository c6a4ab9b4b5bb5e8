"""The keys that Label Studio writes: any other may hold labels under a name that we do not know.

Those are counted as dropped, key by key, so that nothing is lost in silence. Keys of bookkeeping (times,
counts, who reviewed) are known and stay behind without a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from exporters.label_studio.read_shapes import ANSWERS, PICTURES
from exporters.report import Ledger


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TASK = _words(
    "data annotations completions predictions id meta drafts _priority _score created_at updated_at "
    "is_labeled overlap inner_id total_annotations cancelled_annotations total_predictions comment_count "
    "unresolved_comment_count last_comment_updated_at project updated_by file_upload comment_authors "
    "allow_skip precomputed_agreement agreement task_path annotators avg_lead_time completed_at lead_time "
    "storage_filename draft_exists reviewed reviews_accepted reviews_rejected reviewers ground_truth "
    "annotations_ids annotations_results predictions_results predictions_score predictions_model_versions "
    "comments_count review_time created_by state import_storage is_skipped"
)
ANNOTATION = _words(
    "id result completed_by was_cancelled skipped ground_truth honeypot score model_version created_at "
    "updated_at created_ago created_username lead_time draft_created_at task project updated_by import_id "
    "last_action last_created_by parent_prediction parent_annotation bulk_created unique_id prediction "
    "result_count cluster neighbors mislabeling model model_run reviews last_reviewed_at type history "
    "user trust accepted_state assignee comment_count unresolved_comment_count reviewed state created_by "
    "completed_at readonly selected hidden pk loadedDate leadTime versions sentUserGenerate userGenerate "
    "localUpdate editable root order"
)
RESULT = _words(
    "id type value from_name to_name source score origin original_width original_height original_length "
    "image_rotation parentID parent_id item_index readonly hidden locked meta from_id to_id direction "
    "labels normalization area dynamic ouid states"
)
_LABELS = frozenset(kind for kind in PICTURES if kind.endswith("labels")) | _words(
    "labels hypertextlabels paragraphlabels timeserieslabels timelinelabels bitmasklabels"
)
_SHAPE = _words(
    "x y width height rotation radiusX radiusY points closed vertices format rle imageDataURL sequence "
    "framesCount duration ranges start end startOffset endOffset globalOffsets text channel instant "
    "original_width original_height strokeWidth coordstype shape brush dynamic touch"
)
# By these a region lies on a picture, and not in a text.
_DRAWN = frozenset(("x", "points", "vertices", "rle", "imageDataURL", "sequence", "ranges", "channel"))
VALUE = _SHAPE | _LABELS
_ANSWERED = frozenset(ANSWERS) - {"number", "datetime"}
_OF_ANSWER = {kind: VALUE | {kind} for kind in ANSWERS} | {"pairwise": VALUE | {"selected"}}


def annotations_in(task: Mapping[str, Any]) -> Any:
    """Return what a task holds as annotations; Label Studio before 1.0 called them completions."""
    now, before = task.get("annotations"), task.get("completions")
    if not before or before == now:
        return now
    if not isinstance(now or [], list | tuple):
        return now
    # A task that went through both has both, and each can be filled.
    return [*now, *before] if now and isinstance(before, list | tuple) else before


def note_unknown(
    thing: Mapping[Any, Any], known: frozenset[str], what: str, place: str, ledger: Ledger
) -> None:
    """Count each key that is not known and holds something."""
    for key in sorted(map(str, thing.keys() - known)):
        # An empty value under a key that is not known can hold no label.
        if thing.get(key) not in (None, "", False, [], {}):
            ledger.drop("key", f"{key[:40]!r} of {what} is not known", place)


TASK_READ = frozenset(("data", "annotations", "completions", "predictions", "meta", "drafts"))
# What an annotator began with, and what stood there before.
EARLIER = frozenset(("prediction", "history", "reviews"))
ANNOTATION_READ = frozenset(("result", "task", *EARLIER))


class PlainForms:
    """The forms of objects in which there is nothing to count: their keys, and the types of their values.

    `known` are the keys that may stand there, `read` those whose lists and objects a reader goes into, and
    `rare` those that take more than the usual reading. Looking a form up takes a fraction of the time of
    going through an object, and files hold few forms.
    """

    def __init__(self, known: frozenset[str], read: frozenset[str], rare: frozenset[str] = frozenset()):
        self._known, self._read, self._rare = known, read, rare
        self._plain: dict[tuple[Any, ...], bool] = {}

    def has(self, thing: Mapping[str, Any]) -> bool:
        """Return whether the object is of such a form."""
        return self.is_usual(thing) is not None

    def is_usual(self, thing: Mapping[str, Any]) -> bool | None:
        """Return whether the usual reading is enough for an object of such a form; None for any other."""
        form = (*thing, *map(type, thing.values()))
        found = self._plain.get(form)
        if found is not None:
            return found
        holds = any(type(value) in (list, dict) for key, value in thing.items() if key not in self._read)
        if holds or not thing.keys() <= self._known:
            return None
        found = self._rare.isdisjoint(thing)
        if len(self._plain) < _MOST_FORMS:
            self._plain[form] = found
        return found


_MOST_FORMS = 10_000
PLAIN_TASKS = PlainForms(TASK, TASK_READ, _words("completions _priority _score"))
PLAIN_ANNOTATIONS = PlainForms(ANNOTATION - EARLIER, ANNOTATION_READ - EARLIER)


def note_misplaced(thing: Mapping[str, Any], read: frozenset[str], place: str, ledger: Ledger) -> None:
    """Count results that stand under a key which is known, but not for results."""
    for key, value in thing.items():
        if (type(value) is list or type(value) is dict) and value and key not in read:
            found = len(result_lists(value))
            if found:
                ledger.drop("key", f"{key[:40]!r} holds results", place, found)


def note_results_in(data: Mapping[str, Any], ledger: Ledger) -> None:
    """Say of each field of the tasks' data, once, that it holds what looks like results: it stays data."""
    for key, value in data.items():
        if (type(value) is list or type(value) is dict) and value and _holds_result(value, 6):
            ledger.note(
                f"{key[:40]!r} in the data of tasks holds results: carried as data, not as annotations"
            )


def _holds_result(value: Any, depth: int) -> bool:
    if isinstance(value, dict):
        if "from_name" in value and isinstance(value.get("value"), dict):
            return True
        value = list(value.values())
    # The first few tell: a vector of thousands of numbers is not gone through.
    first = value[:20] if depth and isinstance(value, list) else ()
    return any(_holds_result(each, depth - 1) for each in first if type(each) is dict or type(each) is list)


def result_lists(value: Any, depth: int = 6) -> list[Any]:
    """Return what looks like results anywhere in a value."""
    if not depth:
        return []
    if isinstance(value, dict):
        own = [value] if _is_result(value) else []
        return own or [each for entry in value.values() for each in result_lists(entry, depth - 1)]
    if isinstance(value, list):
        parts = (entry for entry in value if type(entry) in (dict, list))
        return [each for entry in parts for each in result_lists(entry, depth - 1)]
    return []


def _is_result(value: Mapping[str, Any]) -> bool:
    return "from_name" in value or bool(_LABELS & value.keys()) or bool(_ANSWERED & value.keys())


# Forms of results that are known as a whole: looking these up takes a third of the time of comparing sets.
_PLAIN_FORMS: set[tuple[Any, ...]] = set()
_NO_KEYS: frozenset[str] = frozenset()


def note_unknown_of_results(results: Iterable[Any], place: str, ledger: Ledger) -> frozenset[str]:
    """Count the keys of results and their values that are not known; return those results may have."""
    try:
        # All at once, since most results have keys alone that are known whatever their type.
        inner, outer = _NO_KEYS.union(*[item["value"] for item in results]), _NO_KEYS.union(*results)
        if VALUE.issuperset(inner) and RESULT.issuperset(outer) and _is_told_once(inner):
            return outer
    except (TypeError, KeyError):
        pass
    for item in results:
        try:
            value = item["value"]
            # None between the two: no key is None, so one item's keys are not taken for another value's.
            if (item["type"], *item, None, *value) in _PLAIN_FORMS:
                continue
        except (TypeError, KeyError):
            value = None
        if type(item) is dict:
            _note(item, value, place, ledger)
    return RESULT


def _is_told_once(keys: frozenset[str]) -> bool:
    """Return whether no value with some of these keys can say more than the one thing that is read of it."""
    return len(_LABELS & keys) < 2 and ("text" not in keys or _DRAWN.isdisjoint(keys))


def _note(item: dict[str, Any], value: Any, place: str, ledger: Ledger) -> None:
    note_unknown(item, RESULT, "a result", place, ledger)
    kind = item.get("type")
    known = _OF_ANSWER.get(kind, VALUE) if type(kind) is str else VALUE
    if type(value) is not dict:
        return
    note_unknown(value, known, "a result's value", place, ledger)
    beside = _beside(kind, value)
    for key in beside:
        # What repeats the labels says nothing more.
        if value[key] and value[key] != value.get(kind):
            ledger.drop("key", f"{key!r} in a region of the type {str(kind)[:40]!r} is not read", place)
    is_plain = not beside and item.keys() <= RESULT and value.keys() <= known
    if is_plain and len(_PLAIN_FORMS) < _MOST_FORMS:
        _PLAIN_FORMS.add((kind, *item, None, *value))


def _beside(kind: Any, value: Mapping[str, Any]) -> list[str]:
    """Return the keys of labels and texts that a result of this type is not read by."""
    if kind in ANSWERS:  # their reader looks at each
        return []
    labels = [key for key in value if key in _LABELS]
    # Where the type's own key is missing, the first list of labels is read.
    own = kind if value.get(kind) else next((key for key in labels if type(value[key]) is list), None)
    labels = [key for key in labels if key != own]
    # A region of a text quotes itself; on a picture or in a sound nothing of the kind is read.
    return [*labels, "text"] if "text" in value and not _DRAWN.isdisjoint(value) else labels
