"""What the web process and the worker load as they start: these packages and no others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

START = """
from backend.settings import read_settings
settings = read_settings(_env_file=None)
"""
WEB = (
    START
    + """
import backend.web.buffered_worker, backend.web.gunicorn_app
from backend.web.app import create_app
create_app(settings)
"""
)
WORKER = (
    START
    + """
import sklearn.linear_model
from backend.loop import jobs, poller, promoter, relief, worker
from backend.services import Services
services = Services(settings)
services.store, services.label_studio, services.media
"""
)
SAY = """
import sys
# The names of a package's own compiled parts are no packages; nor are those that an editable install adds.
own = {"cython_runtime"} | {name for name in sys.modules if name.startswith("_")}
print(*{name.partition(".")[0] for name in sys.modules} - own - set(sys.stdlib_module_names))
"""
OURS = {"backend", "clean_al", "exporters"}
BOTH = {
    *("pydantic", "pydantic_core", "pydantic_settings", "annotated_types", "typing_extensions"),
    *("typing_inspection", "dotenv", "platformdirs"),
    *("redis", "rq", "requests", "urllib3", "idna", "certifi", "charset_normalizer"),
    *("numpy", "scipy", "sklearn", "joblib", "threadpoolctl", "orjson", "rich", "PIL", "defusedxml", "ijson"),
    # Taken by scikit-learn, joblib and redis-py where they are installed; nothing of ours asks for them.
    *("cloudpickle", "narwhals", "psutil", "jwt", "cryptography", "dateutil", "six", "croniter"),
}
WEB_ONLY = {
    *("flask", "werkzeug", "jinja2", "markupsafe", "itsdangerous", "click", "blinker", "gunicorn"),
    *("packaging", "prometheus_client", "setproctitle"),
}


@pytest.mark.parametrize(("code", "allowed"), [(WEB, BOTH | WEB_ONLY), (WORKER, BOTH)], ids=["web", "worker"])
def test_nothing_but_these_packages_is_loaded_at_the_start(
    code: str, allowed: set[str], tmp_path: Path
) -> None:
    given = {
        "MODEL_DIR": str(tmp_path / "models"),
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "LABEL_STUDIO_API_KEY": "x",
    }
    ran = subprocess.run(
        [sys.executable, "-c", code + SAY],
        env=os.environ | given,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert set(ran.stdout.split()) - OURS - allowed == set()
