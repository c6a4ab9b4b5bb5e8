"""A CVAT server, through its own SDK. Its errors become ours, without a word of what was sent."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from backend.errors import ExchangeError, SettingsError, ToolRefused, ToolUnreachable
from backend.settings import Settings

CONNECT_SECONDS = 10.0
LOOK_EVERY = 0.5
"""Seconds between two looks at what the server does in the background."""

SIGNING_IN = "signing in"

Json = dict[str, Any]


class CvatServer:
    """The calls that a push or a pull makes.

    Raises
    ------
    SettingsError
        When a setting is missing, or cvat-sdk is.
    ToolUnreachable, ToolRefused
        From every method.
    """

    def __init__(self, settings: Settings):
        self.url = _address(settings)
        try:
            from cvat_sdk.core.client import AccessTokenCredentials, Client, Config, PasswordCredentials
        except ImportError:
            raise SettingsError(
                'cvat-sdk is not installed, and CVAT is spoken with by it: pip install "clean-al[cvat]"'
            ) from None
        with self._told(SIGNING_IN):
            # Its own log tells of every request and, where it retries, of headers.
            quiet = logging.getLogger("clean_al.cvat_sdk")
            quiet.setLevel(logging.CRITICAL)
            # What it repeats ends in an error of ours, or well.
            logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
            self._client = Client(
                self.url,
                logger=quiet,
                config=Config(status_check_period=LOOK_EVERY),
                # An unlike release may well do; where it does not, `_told` names the one to install.
                check_server_version=False,
            )
            _limit_waiting(self._client.api_client.rest_client, settings.request_timeout)
            if settings.cvat_org is not None:
                self._client.organization_slug = settings.cvat_org
            if settings.cvat_token is not None:
                self._client.login(AccessTokenCredentials(settings.cvat_token.get_secret_value().strip()))
            else:
                assert settings.cvat_user is not None
                assert settings.cvat_password is not None
                password = settings.cvat_password.get_secret_value()
                self._client.login(PasswordCredentials(settings.cvat_user, password))

    def __repr__(self) -> str:
        return f"CvatServer({self.url!r})"

    def close(self) -> None:
        """Close the connections."""
        self._client.api_client.close()

    def project(self, tracker: re.Pattern[str]) -> Json | None:
        """Return the project whose bug tracker a pattern finds; the oldest, should there be several."""
        with self._told("looking for the project"):
            found = [p for p in self._client.projects.list() if tracker.search(str(p.bug_tracker or ""))]
        return min((_plain(each) for each in found), key=lambda each: int(each["id"]), default=None)

    def create_project(self, name: str, labels: list[Json], tracker: str) -> Json:
        """Return the new project."""
        with self._told("creating the project"):
            # CVAT takes no longer name.
            spec = {"name": name[:256], "labels": labels, "bug_tracker": tracker}
            return _plain(self._client.projects.create(_model("ProjectWriteRequest", spec)))

    def add_labels(self, project_id: int, labels: list[Json]) -> None:
        """Add labels to a project; those that are there stay."""
        with self._told("adding labels to the project"):
            self._client.projects.retrieve(project_id).update(
                _model("PatchedProjectWriteRequest", {"labels": labels})
            )

    def labels(self, project_id: int) -> list[Json]:
        """Return a project's labels."""
        with self._told("reading the project's labels"):
            return [_plain(each) for each in self._client.projects.retrieve(project_id).get_labels()]

    def tasks(self, project_id: int) -> list[Json]:
        """Return a project's tasks, in the order of their creation."""
        with self._told("reading the project's tasks"):
            found = [_plain(each) for each in self._client.tasks.list(project_id=project_id)]
        return sorted(found, key=lambda each: int(each["id"]))

    def frames(self, task_id: int) -> tuple[list[Json], set[int]]:
        """Return a task's frames by number, and the numbers of those that were deleted."""
        with self._told(f"reading the images of task {task_id}"):
            meta = self._client.tasks.retrieve(task_id).get_meta()
        return [_plain(each) for each in meta.frames or ()], {int(n) for n in meta.deleted_frames or ()}

    def create_task(self, name: str, project_id: int) -> int:
        """Return the id of a new task without images."""
        with self._told("creating a task"):
            spec = {"name": name[:256], "project_id": project_id}
            return int(self._client.tasks.create(_model("TaskWriteRequest", spec)).id)

    def upload(self, task_id: int, files: list[Path], jobs: list[list[str]]) -> None:
        """Give a task its images, in this order, and wait until the server has made jobs of them."""
        # CVAT sorts by name unless it is told that the order is ours. A list of jobs says so by itself, and
        # is refused beside any sorting.
        order: Json = {"job_file_mapping": jobs} if jobs else {"sorting_method": "predefined"}
        params = {"image_quality": 95, "use_cache": True, **order}
        with self._told(f"uploading images to task {task_id}"):
            self._client.tasks.retrieve(task_id).upload_data(files, params=params)

    def is_busy(self, task_id: int) -> bool:
        """Whether the server is still making a task of what was uploaded; waits until it has ended."""
        with self._told(f"looking what becomes of task {task_id}"):
            api = self._client.api_client.requests_api
            found, _ = api.list(task_id=task_id, action="create")
            running = [each for each in found.results if str(each.status.value) in ("queued", "started")]
            for each in running:
                self._client.wait_for_completion(each.id)
        return bool(running)

    def remove_task(self, task_id: int) -> None:
        """Delete a task."""
        with self._told(f"deleting task {task_id}"):
            self._client.tasks.retrieve(task_id).remove()

    def jobs(self, task_id: int) -> list[Json]:
        """Return a task's jobs, in the order of their frames."""
        with self._told(f"reading the jobs of task {task_id}"):
            found = [_plain(each) for each in self._client.jobs.list(task_id=task_id)]
        return sorted(found, key=lambda each: (int(each["start_frame"]), int(each["id"])))

    def annotations(self, job_id: int) -> Json:
        """Return what was said in a job: shapes, tags and tracks."""
        with self._told(f"reading the annotations of job {job_id}"):
            return _plain(self._client.jobs.retrieve(job_id).get_annotations())

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        """Turn what the SDK and the wire raise into our errors."""
        from cvat_sdk import exceptions
        from cvat_sdk.core.exceptions import CvatSdkException
        from urllib3.exceptions import HTTPError, ResponseError

        try:
            yield
        except exceptions.ApiException as error:
            raise self._refusal(error, doing) from None
        except (HTTPError, OSError) as error:
            reason = getattr(error, "reason", None)
            if isinstance(reason, ResponseError):
                why = f"CVAT at {self.url} only answers that it fails ({doing}): {_short(str(reason))}"
                raise ToolUnreachable(f"{why}; try again later") from None
            raise ToolUnreachable(
                f"CVAT at {self.url} does not answer ({type(error).__name__}, {doing}): is it up, and is "
                "CLEAN_AL_CVAT_URL right?"
            ) from None
        except (exceptions.ApiTypeError, TypeError, KeyError) as error:
            raise ToolRefused(
                f"CVAT at {self.url}: {doing} failed: its answer is not what cvat-sdk {version('cvat-sdk')} "
                f"expects; install the release of cvat-sdk that is the server's ({_short(str(error))})"
            ) from None
        except (exceptions.OpenApiException, CvatSdkException, ValueError, AssertionError) as error:
            raise ToolRefused(
                f"CVAT at {self.url}: {doing} failed: {_short(str(error)) or type(error).__name__}"
            ) from None

    def _refusal(self, error: Any, doing: str) -> ExchangeError:
        status = int(error.status or 0)
        if status == 0:
            return ToolUnreachable(f"CVAT at {self.url}: no safe connection ({doing}): check its certificate")
        # A wrong password is a 400 to CVAT.
        if status in (401, 403) or (status == 400 and doing == SIGNING_IN):
            which = "does not allow it" if status == 403 else "does not accept the login"
            return ToolRefused(
                f"CVAT at {self.url} {which} ({status}, {doing}): check CLEAN_AL_CVAT_TOKEN (CVAT: user "
                "menu, Profile, Security), or CLEAN_AL_CVAT_USER and CLEAN_AL_CVAT_PASSWORD, and "
                "CLEAN_AL_CVAT_ORG"
            )
        if status >= 500 or status == 429:
            return ToolUnreachable(f"CVAT at {self.url} answers {status} ({doing}); try again later")
        # What it says of a wrong request names fields; headers, which it also holds, may name more.
        said = (
            error.body.decode("utf-8", "replace") if isinstance(error.body, bytes) else str(error.body or "")
        )
        return ToolRefused(f"CVAT at {self.url} answers {status} ({doing}): {_short(said)}")


def _address(settings: Settings) -> str:
    if settings.cvat_url is None:
        raise SettingsError(
            "CLEAN_AL_CVAT_URL is not set: give CVAT's address, such as http://localhost:8080"
        )
    has_login = settings.cvat_user is not None and settings.cvat_password is not None
    if settings.cvat_token is None and not has_login:
        raise SettingsError(
            "CLEAN_AL_CVAT_TOKEN is not set: in CVAT open the user menu, Profile, Security, and create an "
            "access token, or set CLEAN_AL_CVAT_USER and CLEAN_AL_CVAT_PASSWORD"
        )
    assert urlsplit(settings.cvat_url).hostname
    return settings.cvat_url


def _limit_waiting(rest: Any, seconds: float) -> None:
    """Let no request wait for ever: the SDK sets no limit of its own, and none for all of them."""
    request = rest.request

    def patient(*args: Any, **kwargs: Any) -> Any:
        kwargs["_request_timeout"] = kwargs.get("_request_timeout") or (CONNECT_SECONDS, seconds)
        return request(*args, **kwargs)

    rest.request = patient


def _model(name: str, fields: Json) -> Any:
    from cvat_sdk import models

    # From plain data: labels and attributes become the models that they are declared as, and are checked.
    return getattr(models, name)._from_openapi_data(**fields)


def _plain(entity: Any) -> Json:
    """Return a model, or the SDK's object around one, as plain types."""
    return dict(getattr(entity, "_model", entity).to_dict())


def _short(text: str) -> str:
    return " ".join(text.split())[:300]
