"""A project's queue or labels as a file for another tool, written by the exporters and sent from disk."""

from __future__ import annotations

import re
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from flask import Response, request
from werkzeug.exceptions import BadRequest, Forbidden, NotFound, ServiceUnavailable

import exporters
from backend.errors import BackendError
from backend.services import Services
from backend.web.pages.blueprint import blueprint, page, store
from backend.web.state import web_state

WHAT = ("queue", "labeled", "all")
# Each holds a thread of the web process, and reads a whole project from Label Studio.
AT_ONCE = 2
BLOCK = 1 << 16
_places = threading.BoundedSemaphore(AT_ONCE)


@blueprint.get("/<int:project_id>/export/<form>")
def download(project_id: int, form: str) -> Response:
    """Answer a file; with its companions, where the format has some, in a ZIP archive."""
    what = request.args.get("what", "labeled")
    if form not in exporters.FORMATS or not store().folder(project_id).is_dir():
        raise NotFound("there is no such project or format")
    if what not in WHAT:
        raise BadRequest(f"what: one of {', '.join(WHAT)}")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        # Else any page could keep Label Studio busy by naming us as a picture.
        raise Forbidden("a download is started from the project's own page")
    if not _places.acquire(blocking=False):
        raise ServiceUnavailable(f"{AT_ONCE} downloads are being written; try again when one has ended")
    folder = Path(tempfile.mkdtemp(prefix="clean-al-export-"))
    try:
        file = _written(web_state().services, project_id, form, what, folder)
    except (BackendError, exporters.ExportError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        return page("error.html", 503, problem=str(error), name="The download could not be made")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        _places.release()
    # No type that a browser would show: labels are others' texts, and this origin has the login.
    response = Response(_blocks(file), content_type="application/octet-stream")
    # Not after the last block: a HEAD request, and a client that has gone, never begin with the first.
    response.call_on_close(partial(shutil.rmtree, folder, ignore_errors=True))
    response.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
    response.content_length = file.stat().st_size
    return response


def _written(services: Services, project_id: int, form: str, what: str, folder: Path) -> Path:
    from backend.project.leaving import image_sizes, leaving_tasks

    label_studio = services.label_studio
    found = label_studio.project(project_id)
    title = str(found.get("title") or f"project {project_id}")
    output = folder / f"{_file_name(title, project_id)}-{what}{exporters.FORMATS[form].suffix}"
    exporters.export_tasks(
        leaving_tasks(label_studio, project_id, services.store.published(project_id), what),
        format=form,
        output=output,
        label_config=found["label_config"],
        name=title,
        sizes=image_sizes(label_studio),
    )
    # Some formats have a second file beside the first, without which it is not whole.
    files = sorted(folder.iterdir())
    if len(files) == 1:
        return files[0]
    archive = output.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in files:
            packed.write(file, file.name)
    return archive


def _file_name(title: str, project_id: int) -> str:
    """Return a name of plain letters: it stands in a header, and in other people's folders."""
    plain = re.sub("[^A-Za-z0-9]+", "-", title).strip("-")[:40]
    return f"{project_id}-{plain}" if plain else str(project_id)


def _blocks(file: Path) -> Iterator[bytes]:
    with open(file, "rb") as opened:
        while block := opened.read(BLOCK):
            yield block
