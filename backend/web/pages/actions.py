"""What people ask of the loop on a project's page: by POST alone, with the login, from our own forms."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, redirect, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as Redirect

from backend.errors import BackendError, QueueUnavailable
from backend.loop.options import ProjectOptions, store_options, stored_options
from backend.project import control
from backend.project.connect import disconnect
from backend.services import Services
from backend.web.pages.blueprint import blueprint, store
from backend.web.pages.forms import require_own_form
from backend.web.pages.option_fields import filled_in, values_of
from backend.web.pages.project import Refusal, project_page
from backend.web.state import web_state


def _round(services: Services, project_id: int) -> tuple[str, str]:
    return "round", control.round_now(services, project_id)


def _pause(services: Services, project_id: int) -> tuple[str, str]:
    return "paused", control.pause(services, project_id)


def _resume(services: Services, project_id: int) -> tuple[str, str]:
    return "resumed", control.resume(services, project_id)


def _rollback(services: Services, project_id: int) -> tuple[str, str]:
    version, then_pause = request.form.get("version", ""), "pause" in request.form
    return "rollback", control.roll_back_to(services, project_id, version, then_pause=then_pause)


def _options(services: Services, project_id: int) -> tuple[str, str]:
    control.must_be_connected(services.store, project_id)
    folder = services.store.folder(project_id)
    others = {n: v for n, v in stored_options(folder).items() if n not in ProjectOptions.model_fields}
    store_options(folder, others | values_of(filled_in(request.form)))
    web_state().marks.mark(project_id, "options")
    return "options", ""


def _stop(services: Services, project_id: int) -> tuple[str, str]:
    return "stopped", "; ".join(disconnect(services, project_id))


ACTIONS: dict[str, Callable[[Services, int], tuple[str, str]]] = {
    "round": _round,
    "pause": _pause,
    "resume": _resume,
    "rollback": _rollback,
    "options": _options,
    "stop": _stop,
}


@blueprint.post("/<int:project_id>/<any(round,pause,resume,rollback,options,stop):action>")
def act(project_id: int, action: str) -> Response | Redirect:
    """Do what was asked for, and lead back to the project's page, which says so."""
    state = web_state()
    # Before anything is looked up: what is there is no matter of another page's.
    require_own_form(request, state.gate.secret, state.settings)
    if not store().folder(project_id).is_dir():
        raise NotFound(f"the loop was never on for project {project_id}")
    try:
        done, said = ACTIONS[action](state.services, project_id)
    except QueueUnavailable as error:
        return project_page(project_id, refusal=Refusal(str(error), 503))
    except BackendError as error:
        given = filled_in(request.form) if action == "options" else None
        return project_page(project_id, refusal=Refusal(str(error), 409 if given is None else 422, given))
    told = "later" if control.LATER in said else done
    # 303: what is loaded again is the page, not the form.
    return redirect(url_for("pages.project", project_id=project_id, done=told), 303)
