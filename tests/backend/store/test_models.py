from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from backend.errors import ModelStoreError, RoundSuperseded
from backend.learning.inputs import Reader
from backend.learning.learned import OneOf
from backend.learning.learner import ESTIMATORS, make_estimator
from backend.learning.tasks import Tasks
from backend.learning.vectorize import InputSpec
from backend.loop.predictor import Predictor
from backend.store.model_format import Model
from backend.store.models import KEEP, ModelStore, Published
from clean_al import STRATEGIES, IntelligentSampler
from clean_al.learners import SketchedLogisticRegression, SparseLogisticRegression
from tests.backend.samples import TEXT_CONFIG

TEXTS = [
    "the cat sat on the mat",
    "a dog and a cat sat",
    "stocks fell sharply today",
    "stocks rose again today",
    "the army crossed the river",
    "an army at the river",
]
TOPICS = ["cats", "cats", "money", "money", "conflict", "conflict"]
SPEC = InputSpec("text", ("text",))


def learned_model(reader: Reader, classifier: Any, answers: list[str], facts: dict[str, Any]) -> Model:
    return Model(reader, {"topic": OneOf(classifier, answers)}, facts)


def text_reader() -> Reader:
    return Reader.fitted((SPEC,), [TEXTS], seed=0)


def places(labels: list[str]) -> np.ndarray:
    return np.array([sorted(set(labels)).index(label) for label in labels])


def text_model(classes: int = 3, name: str | None = None, version: str = "v") -> Model:
    topics = TOPICS[: 2 * classes]
    reader = text_reader()
    classifier = make_estimator(name=name, trusted=None, seed=0, n_sketch=reader.n_sketch)
    classifier.fit(reader.transform([TEXTS[: 2 * classes]]).X, places(topics))
    facts = {"version": version, "label_config": TEXT_CONFIG}
    return learned_model(reader, classifier, sorted(set(topics)), facts)


def number_model(classifier: Any) -> Model:
    values = [{"a": float(i)} for i in range(12)]
    reader = Reader.fitted((InputSpec("numbers", ("a",)),), [values], seed=0)
    classifier.fit(reader.transform([values]).X, np.repeat([0, 1, 2], 4))
    return learned_model(reader, classifier, ["low", "mid", "top"], {})


def probabilities(model: Model, values: list[Any]) -> np.ndarray:
    topic = model.questions["topic"]
    assert isinstance(topic, OneOf)
    return topic.probabilities(Tasks.of([], model.reader.transform([values])))


def labels_of(model: Model) -> list[Any]:
    topic = model.questions["topic"]
    assert isinstance(topic, OneOf)
    return list(topic.answers)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


class OwnClassifier(ClassifierMixin, BaseEstimator):
    """An estimator that a user brings: the share of each class among the labels."""

    def fit(self, X: Any, y: Any) -> OwnClassifier:
        self.classes_, counts = np.unique(y, return_counts=True)
        self.shares_ = counts / counts.sum()
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        return np.tile(self.shares_, (X.shape[0], 1))


class OwnLogisticRegression(LogisticRegression):
    """An estimator that a user brings, and that only looks like logistic regression."""

    def predict_proba(self, X: Any) -> np.ndarray:
        return np.full((X.shape[0], len(self.classes_)), 1 / len(self.classes_))


class OwnSparseLogisticRegression(SparseLogisticRegression):
    """The same, made from the built-in learner for sparse features."""

    predict_proba = OwnLogisticRegression.predict_proba


class OwnSketchedLogisticRegression(SketchedLogisticRegression):
    """The same, made from the built-in learner for texts."""

    predict_proba = OwnLogisticRegression.predict_proba


class TestRoundTrip:
    @pytest.mark.parametrize("name", sorted(ESTIMATORS))
    @pytest.mark.parametrize("classes", [2, 3])
    def test_every_built_in_estimator_gives_equal_probabilities(
        self, store: ModelStore, name: str, classes: int
    ) -> None:
        model = text_model(classes, name)
        store.save(1, "v1", model)
        loaded = store.load(1, "v1")
        values = [*TEXTS, None, "", "new words"]
        assert labels_of(loaded) == labels_of(model) == sorted(set(TOPICS[: 2 * classes]))
        np.testing.assert_array_equal(probabilities(loaded, values), probabilities(model, values))
        np.testing.assert_allclose(probabilities(loaded, values).sum(axis=1), 1, rtol=1e-6)
        assert loaded.facts == model.facts
        assert loaded.reader.inputs == (SPEC,)

    @pytest.mark.parametrize("name", sorted(ESTIMATORS))
    def test_one_feature_is_enough(self, store: ModelStore, name: str) -> None:
        model = number_model(make_estimator(name=name, trusted=None, seed=0))
        store.save(1, "v1", model)
        values = [{"a": 0.5}, {"a": 11}, {}, None]
        np.testing.assert_array_equal(
            probabilities(store.load(1, "v1"), values), probabilities(model, values)
        )

    @pytest.mark.parametrize("strategy", sorted(STRATEGIES))
    def test_what_every_strategy_learns_can_be_stored(self, store: ModelStore, strategy: str) -> None:
        reader = text_reader()
        features = reader.transform([TEXTS])
        learner = make_estimator(name=None, trusted=None, seed=0, n_sketch=reader.n_sketch)
        sampler = IntelligentSampler(strategy, estimator=learner, random_state=0)
        sampler.fit(features.X, places(TOPICS), embedding=features.embedding)
        model = learned_model(reader, sampler.model_, sorted(set(TOPICS)), {})
        store.save(1, "v1", model)
        np.testing.assert_allclose(
            probabilities(store.load(1, "v1"), TEXTS), probabilities(model, TEXTS), rtol=1e-9
        )

    def test_a_forest_on_dense_features(self, store: ModelStore) -> None:
        model = number_model(RandomForestClassifier(5, random_state=0))
        store.save(1, "v1", model)
        np.testing.assert_array_equal(
            probabilities(store.load(1, "v1"), [{"a": 3}]), probabilities(model, [{"a": 3}])
        )

    def test_an_own_estimator_is_loaded_when_its_package_is_trusted(self, tmp_path: Path) -> None:
        model = number_model(OwnClassifier())
        with pytest.raises(ModelStoreError, match="CLEAN_AL_ESTIMATOR"):
            ModelStore(tmp_path).save(1, "v1", model)
        ModelStore(tmp_path, "tests").save(1, "v1", model)
        loaded = ModelStore(tmp_path, "tests").load(1, "v1")
        np.testing.assert_allclose(probabilities(loaded, [{"a": 1}]), [[1 / 3] * 3])
        with pytest.raises(ModelStoreError, match="OwnClassifier"):
            ModelStore(tmp_path, "test").load(1, "v1")

    @pytest.mark.parametrize(
        "own", [OwnLogisticRegression, OwnSparseLogisticRegression, OwnSketchedLogisticRegression]
    )
    def test_a_subclass_keeps_its_own_way_of_predicting(self, tmp_path: Path, own: type) -> None:
        store = ModelStore(tmp_path, "tests")
        store.save(1, "v1", number_model(own()))
        np.testing.assert_allclose(probabilities(store.load(1, "v1"), [{"a": 0}]), [[1 / 3] * 3])

    def test_one_versus_rest_does_not_become_softmax(self, store: ModelStore) -> None:
        from sklearn.multiclass import OneVsRestClassifier

        model = number_model(OneVsRestClassifier(LogisticRegression()))
        store.save(1, "v1", model)
        values = [{"a": float(i)} for i in range(12)]
        np.testing.assert_array_equal(
            probabilities(store.load(1, "v1"), values), probabilities(model, values)
        )

    def test_an_estimator_without_probabilities_ranks_by_its_decision_function(
        self, store: ModelStore
    ) -> None:
        store.save(1, "v1", number_model(LinearSVC(random_state=0)))
        found = probabilities(store.load(1, "v1"), [{"a": 0}, {"a": 11}])
        np.testing.assert_allclose(found.sum(axis=1), 1)
        assert found[0].argmax() == 0
        assert found[1].argmax() == 2

    def test_a_class_missing_in_training_shifts_no_label(self, store: ModelStore) -> None:
        reader = text_reader()
        rows = [2, 3, 4, 5]  # nobody has chosen "cats", the config's first label
        classifier = make_estimator(name=None, trusted=None, seed=0, n_sketch=reader.n_sketch)
        known = [TOPICS[i] for i in rows]
        classifier.fit(reader.transform([[TEXTS[i] for i in rows]]).X, places(known))
        store.save(1, "v1", learned_model(reader, classifier, sorted(set(known)), {}))
        loaded = store.load(1, "v1")
        best = probabilities(loaded, TEXTS[2:]).argmax(axis=1)
        assert [labels_of(loaded)[i] for i in best] == TOPICS[2:]


def model_file(store: ModelStore, name: str) -> Path:
    return store.folder(1) / "models" / "v1" / name


def all_files(store: ModelStore) -> list[Path]:
    return sorted(p for p in (store.folder(1) / "models" / "v1").iterdir())


def forge(store: ModelStore, name: str, content: bytes) -> None:
    """Change a file as someone does who can also write the checksum."""
    import hashlib

    model_file(store, name).write_bytes(content)
    manifest = json.loads(model_file(store, "manifest.json").read_bytes())
    manifest[name] = hashlib.sha256(content).hexdigest()
    model_file(store, "manifest.json").write_bytes(json.dumps(manifest).encode())


class Explosive:
    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/clean-al-was-here",)


class TestDamage:
    @pytest.mark.parametrize("name", sorted(ESTIMATORS))
    def test_truncation_and_flipped_bytes_are_found_in_every_file(self, store: ModelStore, name: str) -> None:
        store.save(1, "v1", text_model(name=name))
        for path in all_files(store):
            whole = path.read_bytes()
            flipped = bytearray(whole)
            flipped[len(whole) // 2] ^= 1
            for damaged in (b"", whole[: len(whole) // 2], bytes(flipped)):
                path.write_bytes(damaged)
                with pytest.raises(ModelStoreError):
                    store.load(1, "v1")
            path.write_bytes(whole)
        store.load(1, "v1")

    def test_a_missing_file_is_said(self, store: ModelStore) -> None:
        store.save(1, "v1", text_model())
        for path in all_files(store):
            whole = path.read_bytes()
            path.unlink()
            with pytest.raises(ModelStoreError, match=r"missing|cannot be read"):
                store.load(1, "v1")
            path.write_bytes(whole)

    def test_a_version_that_never_was_is_said(self, store: ModelStore) -> None:
        with pytest.raises(ModelStoreError, match="v9 is missing"):
            store.load(1, "v9")

    @pytest.mark.parametrize("name", ["model.json", "arrays.npz", "estimator-0.classifier.skops"])
    def test_a_pickle_with_a_right_checksum_is_refused_and_not_run(
        self, store: ModelStore, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ran: list[str] = []
        monkeypatch.setattr(os, "system", ran.append)
        store.save(1, "v1", text_model(name="random_forest"))
        forge(store, name, pickle.dumps(Explosive()))
        with pytest.raises(ModelStoreError):
            store.load(1, "v1")
        assert ran == []

    def test_a_pickled_array_inside_the_npz_is_refused(self, store: ModelStore) -> None:
        store.save(1, "v1", text_model())
        buffer = io.BytesIO()
        np.savez(buffer, intercept=np.array([{}], dtype=object))
        forge(store, "arrays.npz", buffer.getvalue())
        with pytest.raises(ModelStoreError):
            store.load(1, "v1")

    def test_a_zip_that_climbs_out_writes_nothing(self, store: ModelStore, tmp_path: Path) -> None:
        store.save(1, "v1", text_model())
        whole = model_file(store, "arrays.npz").read_bytes()
        buffer = io.BytesIO(whole)
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.writestr("../../../../climbed.npy", b"x")
        before = sorted(tmp_path.rglob("*"))
        forge(store, "arrays.npz", buffer.getvalue())
        store.load(1, "v1")
        assert sorted(tmp_path.rglob("*")) == before

    def test_a_function_in_a_stored_estimator_is_refused(self, store: ModelStore) -> None:
        import skops.io

        store.save(1, "v1", text_model(name="random_forest"))
        forge(store, "estimator-0.classifier.skops", skops.io.dumps(FunctionTransformer(os.system)))
        with pytest.raises(ModelStoreError, match="system"):
            store.load(1, "v1")

    @pytest.mark.parametrize(
        "described",
        [b"[]", b"{}", b"5", b'{"spec": {"kind": "nothing", "fields": []}}', b'{"spec": 5}', b"\xff"],
    )
    def test_a_description_of_another_kind_is_refused(self, store: ModelStore, described: bytes) -> None:
        store.save(1, "v1", text_model())
        forge(store, "model.json", described)
        with pytest.raises(ModelStoreError):
            store.load(1, "v1")

    def test_names_that_leave_the_folder_are_no_versions(self, store: ModelStore) -> None:
        for name in ("", ".", "..", "../v1", "a/b", "a\\b", ".hidden", "a\0b", "a" * 129, "a b", "a\n"):
            with pytest.raises(ModelStoreError, match="not a model version"):
                store.load(1, name)
            with pytest.raises(ModelStoreError, match="not a model version"):
                store.save(1, name, text_model())

    def test_a_crash_while_writing_leaves_no_half_model(
        self, store: ModelStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from backend.store import models as model_store

        def crash(*_: Any) -> None:
            raise OSError("no space left")

        monkeypatch.setattr(model_store, "write_json", crash)
        with pytest.raises(OSError, match="no space"):
            store.save(1, "v1", text_model())
        assert store.versions(1) == []
        assert list((store.folder(1) / "models").iterdir()) == []


def published(version: str, fence: int, *, has_model: bool = True) -> Published:
    return Published(version, fence, "print", (3, 1), has_model, (1,))


class TestPublishing:
    def test_nothing_is_published_at_first(self, store: ModelStore) -> None:
        assert store.published(1) is None
        assert store.versions(1) == []
        assert store.project_ids() == []

    def test_what_was_published_is_served(self, store: ModelStore) -> None:
        store.publish(1, published("v2", 2))
        assert store.published(1) == published("v2", 2)
        assert store.project_ids() == [1]

    def test_an_older_round_does_not_replace_a_later_one(self, store: ModelStore) -> None:
        store.publish(1, published("v2", 2))
        with pytest.raises(RoundSuperseded, match="round 1 comes after round 2"):
            store.publish(1, published("v1", 1))
        assert store.published(1) == published("v2", 2)
        store.publish(1, published("v3", 3))

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"version": "v1"}'])
    def test_a_damaged_note_is_as_none(self, store: ModelStore, content: bytes) -> None:
        store.publish(1, published("v1", 1))
        (store.folder(1) / "published.json").write_bytes(content)
        assert store.published(1) is None

    def test_a_note_of_a_later_release_is_read(self, store: ModelStore) -> None:
        store.publish(1, published("v1", 1))
        path = store.folder(1) / "published.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"mood": "good"}))
        assert store.published(1) == published("v1", 1)

    def test_the_newest_models_and_the_published_one_are_kept(self, store: ModelStore) -> None:
        model = text_model()
        for n in range(1, KEEP + 4):
            store.save(1, f"clean-al-{n:06d}-ab", model)
        store.publish(1, published("clean-al-000001-ab", 1))
        store.prune(1)
        kept = [f"clean-al-{n:06d}-ab" for n in range(KEEP + 3, 3, -1)]
        assert store.versions(1) == [*kept, "clean-al-000001-ab"]

    def test_what_a_killed_worker_left_is_cleared_when_it_is_old(self, store: ModelStore) -> None:
        store.save(1, "v1", text_model())
        for name, age in ((".v2.old", 7200), (".v3.new", 60)):
            left = store.folder(1) / "models" / name
            left.mkdir()
            when = left.stat().st_mtime - age
            os.utime(left, (when, when))
        store.prune(1)
        assert sorted(p.name for p in (store.folder(1) / "models").iterdir()) == [".v3.new", "v1"]

    def test_only_the_owner_may_look(self, store: ModelStore) -> None:
        old = os.umask(0o022)
        try:
            store.save(1, "v1", text_model())
            store.publish(1, published("v1", 1))
        finally:
            os.umask(old)
        modes = {p: p.stat().st_mode & 0o777 for p in [store.root, *store.root.rglob("*")]}
        assert {mode for p, mode in modes.items() if p.is_dir()} == {0o700}
        assert {mode for p, mode in modes.items() if p.is_file()} == {0o600}

    def test_forgetting_removes_one_project_alone(self, store: ModelStore) -> None:
        store.publish(1, published("v1", 1))
        store.publish(2, published("v1", 1))
        store.forget(1)
        store.forget(7)
        assert store.project_ids() == [2]

    def test_a_project_is_a_number(self, store: ModelStore) -> None:
        with pytest.raises(ValueError, match="invalid literal"):
            store.folder("../../etc")  # type: ignore[arg-type]


def predictor_of(store: ModelStore) -> Predictor:
    media = SimpleNamespace(of_project=lambda project_id: None)
    services: Any = SimpleNamespace(store=store, label_studio=None, media=media, encoders=None)
    return Predictor(services)


class TestPredictor:
    def test_answers_from_the_published_model(self, store: ModelStore) -> None:
        store.save(1, "v1", text_model())
        store.publish(1, published("v1", 1))
        tasks = [{"data": {"text": text}} for text in TEXTS]
        predictions, version = predictor_of(store).predict(1, tasks)
        assert version == "v1"
        assert [p["result"][0]["value"]["choices"] for p in predictions] == [[t] for t in TOPICS]
        for prediction in predictions:
            assert prediction["model_version"] == "v1"
            assert 1 / 3 < prediction["score"] < 1

    @pytest.mark.parametrize(
        "task",
        [
            {},
            {"data": None},
            {"data": {}},
            {"data": {"text": None}},
            {"data": {"text": 5}},
            {"data": {"x": "y"}},
        ]
        + [{"data": {"text": value}} for value in ([], {}, [["a"]], "", "\ud800", True)],
    )
    def test_every_task_gets_an_answer(self, store: ModelStore, task: dict[str, Any]) -> None:
        store.save(1, "v1", text_model())
        store.publish(1, published("v1", 1))
        predictions, _ = predictor_of(store).predict(1, [task, task])
        assert len(predictions) == 2
        assert np.isfinite(predictions[0]["score"])

    def test_before_there_is_a_model_answers_are_empty(self, store: ModelStore) -> None:
        empty = [{"result": [], "score": 0.0}]
        assert predictor_of(store).predict(1, [{"data": {}}]) == (empty, None)
        store.publish(1, published("v1", 1, has_model=False))
        assert predictor_of(store).predict(1, [{"data": {}}]) == (empty, None)
        assert predictor_of(store).model_version(1) is None

    def test_a_damaged_model_leaves_the_last_whole_one_serving_under_its_own_name(
        self, store: ModelStore
    ) -> None:
        for version in ("v1", "v2", "v3"):
            store.save(1, version, text_model(version=version))
        store.publish(1, published("v3", 3))
        for version in ("v2", "v3"):
            (store.folder(1) / "models" / version / "arrays.npz").write_bytes(pickle.dumps("x"))
        predictions, version = predictor_of(store).predict(1, [{"data": {"text": TEXTS[0]}}])
        assert version == predictions[0]["model_version"] == "v1"
        assert predictions[0]["result"][0]["value"]["choices"] == ["cats"]

    def test_without_a_whole_model_answers_are_empty(self, store: ModelStore) -> None:
        store.save(1, "v1", text_model())
        store.publish(1, published("v1", 1))
        (store.folder(1) / "models" / "v1" / "manifest.json").unlink()
        assert predictor_of(store).predict(1, [{"data": {}}]) == ([{"result": [], "score": 0.0}], None)

    def test_a_newly_published_model_answers_next(self, store: ModelStore) -> None:
        predictor = predictor_of(store)
        store.save(1, "v1", text_model(2))
        store.publish(1, published("v1", 1))
        assert predictor.predict(1, [{"data": {}}])[1] == "v1"
        store.save(1, "v2", text_model(3))
        store.publish(1, published("v2", 2))
        assert predictor.predict(1, [{"data": {}}])[1] == "v2"
        assert predictor.versions(1) == ["v2", "v1"]

    def test_projects_have_models_of_their_own(self, store: ModelStore) -> None:
        predictor = predictor_of(store)
        store.save(1, "v1", text_model(2))
        store.publish(1, published("v1", 1))
        assert predictor.predict(2, [{"data": {}}])[1] is None
