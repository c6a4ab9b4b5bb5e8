"""Switching the loop off puts back what was found, and leaves the annotators' work alone."""

from __future__ import annotations

from backend.label_studio.client import LabelStudio
from tests.e2e.loop_runner import Loop, wait_for
from tests.e2e.projects import Annotator, make_text_project


def test_disconnect_puts_back_what_connect_found(loop: Loop, admin: LabelStudio, first: Annotator) -> None:
    project = make_text_project(admin, 40)
    tasks = [task["id"] for page in admin.iter_tasks(project, include=["id"]) for task in page]
    theirs = [{"task": i, "model_version": "theirs", "score": 0.5, "result": []} for i in tasks[:5]]
    admin.import_predictions(project, theirs)
    admin.update_project(project, sampling="Uniform sampling", model_version="theirs")
    hook = admin.create_webhook(project=project, url="http://127.0.0.1:9/theirs", is_active=False)
    found = admin.project(project)

    loop.connected(project)
    for _ in range(4):
        first.label_next(project)
    wait_for("4 labels", lambda: loop.status(project).labels == 4)
    loop.catch_up(project)
    said = loop.run("disconnect", str(project), "--json")
    assert said.code == 0, said.err
    assert "sampling: Uncertainty sampling -> Uniform sampling" in said.json["changes"]

    now = admin.project(project)
    settings = ("sampling", "model_version", "show_collab_predictions", "label_config")
    assert {name: now[name] for name in settings} == {name: found[name] for name in settings}
    assert admin.ml_backends(project) == []
    assert [one["id"] for one in admin.webhooks(project)] == [hook["id"]]
    assert loop.served_versions(project) == {"theirs": 5}
    assert admin.counts(project).annotations == 4
    assert loop.status(project).state == "off"


def test_after_disconnect_nothing_is_written_any_more(
    loop: Loop, admin: LabelStudio, first: Annotator
) -> None:
    project = loop.connected(make_text_project(admin, 30))
    assert loop.run("disconnect", str(project), "--forget").code == 0
    changed = admin.newest_change(project)
    first.label_next(project)
    assert not loop.store.folder(project).exists()
    other = loop.connected(make_text_project(admin, 10))
    assert loop.status(other).connected
    assert loop.served_versions(project) == {}
    assert admin.newest_change(project) != changed
    assert not loop.store.folder(project).exists()
