"""Pictures and sounds of the queue head, fetched when a browser shows them and never with the page."""

from __future__ import annotations

import io
import mimetypes
from urllib.parse import urlsplit

from flask import Response, request, send_file
from werkzeug.exceptions import NotFound, UnsupportedMediaType

from backend.errors import BackendError
from backend.learning.inputs import MAX_IMAGE_BYTES
from backend.learning.pictures import small_jpeg
from backend.store.insight import HeadTask, load_insight
from backend.web.pages.blueprint import blueprint, store
from backend.web.pages.facts import PICTURES
from backend.web.state import web_state

THUMBNAIL = (320, 240)
KEPT_SECONDS = 3600


@blueprint.get("/<int:project_id>/tasks/<int:task_id>/media")
def media(project_id: int, task_id: int) -> Response:
    """Answer what a task of the queue head shows: a small picture, or its sound or video."""
    task = _in_head(project_id, task_id)
    try:
        content = web_state().services.media.of_project(project_id)(task.text)
    except BackendError:
        # Why is counted in the status; here there simply is no picture.
        raise NotFound("the file cannot be had now") from None
    response = _thumbnail(content) if task.kind == "image" else _playable(content, task)
    response.headers["Cache-Control"] = f"private, max-age={KEPT_SECONDS}"
    return response


def _in_head(project_id: int, task_id: int) -> HeadTask:
    """Return a task that the page shows; no other file is fetched, whatever is asked for."""
    folder = store().folder(project_id)
    found = load_insight(folder).head if folder.is_dir() else ()
    for task in found:
        if task.task == task_id and task.kind in PICTURES:
            return task
    raise NotFound("there is no such file in the queue head")


def _thumbnail(content: bytes) -> Response:
    packed = small_jpeg(content, THUMBNAIL) if len(content) <= MAX_IMAGE_BYTES else None
    if packed is None:
        raise UnsupportedMediaType("the file is no picture that can be read")
    return Response(packed, content_type="image/jpeg")


def _playable(content: bytes, task: HeadTask) -> Response:
    guessed, _ = mimetypes.guess_type(urlsplit(task.text).path)
    # Never as anything but sound or video, whatever the file says of itself.
    kind = guessed if guessed and guessed.startswith(("audio/", "video/")) else "application/octet-stream"
    sent = send_file(io.BytesIO(content), mimetype=kind, conditional=False, etag=False)
    # Browsers ask for ranges of a sound or video to jump within it.
    sent.make_conditional(request.environ, accept_ranges=True, complete_length=len(content))
    return sent
