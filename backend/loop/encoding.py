"""What pretrained encoders say of the tasks, made beside the rounds, and joined when it is all there.

A round asks for what is missing, in shards; any worker encodes one when no round waits (`encode_shard`).
Until all shards are there, rounds go by what they have.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from backend.errors import LabelStudioError
from backend.learning.answers import targets_of
from backend.learning.beside import Beside, Encoded, Told, places_of
from backend.learning.inputs import Reader
from backend.learning.labels import ProjectLabels
from backend.services import Services
from backend.store.encoded import LOOK, EncodedStore, Opened, Wanted, looked
from backend.store.features import PoolFeatures
from backend.store.shards import Wish
from backend.store.snapshot import Snapshot
from clean_al.encoders.errors import EncoderError

logger = logging.getLogger(__name__)

KINDS = ("text", "image")
# Seconds after which what a setting opens is looked at again: a file may have been exchanged, or be there
# by now.
LOOK_AGAIN = 600.0
# Rows that were all there once are used on while so many of them are: tasks that came since have zeros.
ENOUGH = 0.8
# Tasks that are encoded before it is asked whether a round waits.
AT_ONCE = 64
PUT_OFF = "put off"


def with_encoded(
    services: Services, project_id: int, pool: PoolFeatures, labels: ProjectLabels, *, anew: bool = False
) -> tuple[PoolFeatures, tuple[str, ...]]:
    """Return a pool with the encoded rows that are there beside its features, and what these depend on.

    What is missing is asked for; see `encode_shard`.

    Parameters
    ----------
    labels : by them goes how much the rows count beside the features
    anew : look at once at what the settings open
    """
    marks: list[str] = []
    for kind in KINDS:
        store = EncodedStore(services.store.folder(project_id), kind)
        if kind not in services.encoders or not places_of(kind, pool.reader.inputs):
            store.forget()
            continue
        opened = store.opened()
        if opened is None or _is_due(opened, services.encoders.setting(kind), anew):
            store.ask_look()
        if opened is None:
            continue
        if opened.error:
            store.done(*store.asked(looks=False))
            continue
        pool, mark = _joined(store, opened, pool, labels)
        marks += [mark] if mark else []
    return pool, tuple(marks)


def _is_due(opened: Opened, setting: str, anew: bool) -> bool:
    return anew or opened.setting != setting or not 0 <= time.time() - opened.at < LOOK_AGAIN


def _joined(
    store: EncodedStore, opened: Opened, pool: PoolFeatures, labels: ProjectLabels
) -> tuple[PoolFeatures, str]:
    """Return the pool with the rows of one encoder that may be used; what is missing is asked for."""
    places = places_of(store.kind, pool.reader.inputs)
    inputs = tuple(pool.reader.inputs[i] for i in places)
    name, tasks = store.name_for(inputs, opened.identity), _tasks(pool, places)
    before = store.wanted()
    if before is None or before.folder != name:
        # Another encoder, or other fields: what was asked for is of no use any more.
        store.done(*store.asked(looks=False))
    wanted = Wanted(inputs, name, opened.identity, opened.dimension * len(places), len(tasks))
    if before is not None and before.inputs == inputs:
        used = {field: getattr(before, field) for field in ("used", "used_identity", "used_dimension")}
        wanted = replace(wanted, **used)
    there = store.shards(name).having(tasks)
    store.ask(tasks.rows(np.flatnonzero(~there)).lacking(store.asked_tasks()))
    if there.all():
        wanted = wanted.using_wanted()
        store.forget_others(name)
    elif wanted.used:
        of_used = there if wanted.used == name else store.shards(wanted.used).having(tasks)
        wanted = wanted if of_used.mean() >= ENOUGH else wanted.using_none()
    store.note_wanted(wanted)
    if not wanted.used or not len(tasks):
        return pool, ""
    rows = _rows_in(store, wanted, tasks, pool)
    encoded = Encoded(store.kind, wanted.used_identity, places)
    return with_rows(pool, encoded, rows, labels), f"{wanted.used} {int(there.sum())}"


def _rows_in(store: EncodedStore, wanted: Wanted, tasks: Wish, pool: PoolFeatures) -> np.ndarray:
    """Return the rows that are in use, one a task of the pool; zeros where there is none."""
    shards = store.shards(wanted.used)
    found = shards.rows_of(tasks, wanted.used_dimension)
    if wanted.used == wanted.folder and not store.asked():
        shards.tidy(tasks, found)
    rows = np.zeros((len(pool.task_ids), wanted.used_dimension), dtype=np.float32)
    rows[pool.rows_of(tasks.ids)] = found
    return rows


def with_rows(pool: PoolFeatures, encoded: Encoded, rows: np.ndarray, labels: ProjectLabels) -> PoolFeatures:
    """Return a pool with encoded rows beside its features, as long as its labels would have them."""
    beside = Beside.fitted(encoded, pool.features, rows, _told(pool, labels))
    reader: Reader = replace(pool.reader, beside=(*pool.reader.beside, beside))
    return replace(pool, features=beside.join(pool.features, rows), reader=reader)


def _told(pool: PoolFeatures, labels: ProjectLabels) -> list[Told]:
    found = []
    for question in labels.questions:
        rows = pool.rows_of(question.task_ids)
        readable = pool.features.readable[rows]
        targets = targets_of([a for a, is_read in zip(question.answers, readable, strict=True) if is_read])
        if targets is not None:
            found.append((rows[readable], targets))
    return found


def _tasks(pool: PoolFeatures, places: tuple[int, ...]) -> Wish:
    """Return the tasks of which something can be encoded, and on what their rows depend."""
    gaps = pool.features.gaps
    read = np.ones((len(pool.task_ids), len(places)), dtype=np.int64)
    if gaps is not None and len(gaps.codes):
        read = (gaps.codes[:, list(places)] == 0).astype(np.int64)
    # What could not be read and now can be is another row, of the same data.
    keys = (pool.data_versions << len(places)) | (read << np.arange(len(places))).sum(axis=1)
    some = np.flatnonzero(read.any(axis=1))
    return Wish(pool.task_ids[some], keys[some])


def encode_shard(
    services: Services,
    project_id: int,
    name: str,
    may_go_on: Callable[[], bool],
    ask_for_round: Callable[[str], None],
) -> str:
    """Do what is asked for under a name, and return how it ended; what a worker does when no round waits.

    Parameters
    ----------
    may_go_on : asked now and then; what is done by then is kept, and the rest asked for anew
    ask_for_round : called when a round has something new to go by
    """
    with suppress(OSError):
        # Annotators are served on the same machine.
        os.nice(10)
    kind = name.partition(".")[0]
    store = EncodedStore(services.store.folder(project_id), kind)
    if name not in store.asked():
        return "done already"
    wanted, opened = store.wanted(), _look(services, store)
    if name.endswith(LOOK) or opened.error or wanted is None or wanted.identity != opened.identity:
        ask_for_round("an encoder was looked at")
        store.done(name)
        return opened.error or f"looked at {opened.identity}"
    try:
        return _encode(services, project_id, store, wanted, name, may_go_on, ask_for_round)
    except (LabelStudioError, sqlite3.Error) as error:
        # The poll asks again.
        logger.warning("project %s: nothing is encoded: %s", project_id, error)
        return PUT_OFF
    except EncoderError as error:
        give_up(services, project_id, name, str(error))
        ask_for_round("an encoder fails")
        return str(error)


def give_up(services: Services, project_id: int, name: str, why: str) -> None:
    """Note that a setting's encoder is of no use; it is looked at again later."""
    store = EncodedStore(services.store.folder(project_id), name.partition(".")[0])
    store.note_opened(looked(services.encoders.setting(store.kind), "", 0, why))
    store.done(name)


def _look(services: Services, store: EncodedStore) -> Opened:
    """Open what the setting names, and note what it is."""
    found, setting = services.encoders.find(store.kind), services.encoders.setting(store.kind)
    encoder = found.encoder
    opened = looked(
        setting, encoder.identity if encoder else "", encoder.dimension if encoder else 0, found.reason
    )
    store.note_opened(opened)
    return opened


def _encode(
    services: Services,
    project_id: int,
    store: EncodedStore,
    wanted: Wanted,
    name: str,
    may_go_on: Callable[[], bool],
    ask_for_round: Callable[[str], None],
) -> str:
    tasks, done, rows = store.read(name) or Wish.none(), 0, []
    for part in _parts(len(tasks)):
        if done and not may_go_on():
            break
        rows.append(_rows_of(services, project_id, wanted, tasks.ids[part], store.kind))
        done += len(rows[-1])
    if not services.store.folder(project_id).exists():
        return "forgotten"
    if rows:
        store.shards(wanted.folder).add(tasks.rows(np.arange(done)), np.vstack(rows))
    # Asked for anew before the old wish goes: whoever is killed in between leaves work to be done twice, and
    # none undone.
    store.ask(tasks.rows(np.arange(done, len(tasks))))
    # Asked before and after: two workers may end at once, and one may be killed in between.
    if store.asked() == [name]:
        ask_for_round("everything is encoded")
    store.done(name)
    if not store.asked():
        ask_for_round("everything is encoded")
    return f"encoded {done} of {len(tasks)}"


def _parts(n: int) -> Iterator[slice]:
    return (slice(i, i + AT_ONCE) for i in range(0, n, AT_ONCE))


def _rows_of(services: Services, project_id: int, wanted: Wanted, ids: np.ndarray, kind: str) -> np.ndarray:
    encoded = Encoded(kind, wanted.identity, tuple(range(len(wanted.inputs))))
    data = list(Snapshot(services.store.folder(project_id) / "snapshot.sqlite").data(ids))
    download = services.media.of_project(project_id)
    found = encoded.rows_of(wanted.inputs, data, download, services.encoders)
    return np.zeros((len(ids), wanted.dimension), dtype=np.float32) if found is None else found


def encoding_notes(folder: Path) -> list[str]:
    """Return how a project's encoding stands, in words, from its folder alone."""
    notes = []
    for kind in KINDS:
        store = EncodedStore(folder, kind)
        opened, wanted = store.opened(), store.wanted()
        if opened is not None and opened.error:
            notes.append(f"{kind}s are learned from without an encoder: {opened.error}")
        elif opened is not None and wanted is not None and (left := store.n_asked()):
            done = max(wanted.tasks - left, 0)
            notes.append(f"encoding {done:,} of {wanted.tasks:,} {kind}s by {opened.identity}")
    return notes


def is_settled(folder: Path, kind: str) -> bool:
    """Whether the last round has used all that an encoder can say, or goes on without one."""
    store = EncodedStore(folder, kind)
    opened, wanted = store.opened(), store.wanted()
    if opened is None or (not opened.error and wanted is None):
        return False
    return bool(opened.error) or (wanted is not None and wanted.used == wanted.folder and not store.asked())


def encoded_rows(folder: Path, kind: str, task_ids: np.ndarray) -> np.ndarray | None:
    """Return the rows that are in use, one a task, zeros where there is none; None where none are in use."""
    store = EncodedStore(folder, kind)
    wanted = store.wanted()
    if wanted is None or not wanted.used:
        return None
    return store.shards(wanted.used).newest(task_ids, wanted.used_dimension)
