"""Runs the command line in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backend import cli as cli_module
from backend.services import Services

SECRETS = ("a-secret-for-these-tests", "p4ssw0rd")


class Result:
    """What a call of the command line gave."""

    def __init__(self, code: int, out: str, err: str):
        self.code, self.out, self.err = code, out, err


Call = Callable[..., Result]


@pytest.fixture
def call(services: Services, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """Runs `clean-al` in this process; no secret may show, whatever happens."""
    from tests.fakes import label_studio_outgoing as outgoing

    monkeypatch.setattr(outgoing, "reach", lambda *_: None)
    monkeypatch.setattr(outgoing, "send_webhook", lambda *_: None)
    settings = services.settings
    assert settings.redis_url is not None
    for name, value in {
        "LABEL_STUDIO_URL": settings.label_studio_url,
        "LABEL_STUDIO_API_KEY": settings.api_key,
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "MODEL_DIR": str(settings.model_dir),
        "WEBHOOK_SECRET": SECRETS[0],
        "CLEAN_AL_PUBLIC_URL": settings.address,
        "CLEAN_AL_REQUEST_TIMEOUT": "5",
    }.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str, **env: str) -> Result:
        with monkeypatch.context() as patch:
            for name, value in env.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                cli_module.main(list(arguments))
        out, err = capfd.readouterr()
        for secret in (*SECRETS, settings.api_key):
            assert secret not in out + err
        assert "Traceback" not in err
        return Result(int(ended.value.code or 0), out, err)

    return run
