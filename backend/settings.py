"""Every setting, read once and checked at start. Names, defaults and meanings stand in docs/settings.md."""

from __future__ import annotations

import ipaddress
import stat
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from backend.errors import SettingsError
from backend.media_hosts import parse_hosts

Seconds = Annotated[float, Field(gt=0)]


def _named(name: str) -> AliasChoices:
    """Lets a field be given by its environment name, and in code by its own."""
    return AliasChoices(name, name.lower())


class Settings(BaseSettings):
    """The settings of one process, from the environment and a `.env` file.

    Secrets are `SecretStr`: they do not show in a repr, a log or an error.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        # `REDIS_URL=` in a compose file or .env means that it is not set.
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    label_studio_url: str = Field("http://localhost:8080", validation_alias=_named("LABEL_STUDIO_URL"))
    label_studio_api_key: SecretStr = Field(SecretStr(""), validation_alias=_named("LABEL_STUDIO_API_KEY"))
    redis_url: SecretStr | None = Field(None, validation_alias=_named("REDIS_URL"))
    model_dir: Path = Field(user_data_path("clean-al"), validation_alias=_named("MODEL_DIR"))
    host: str = Field("127.0.0.1", validation_alias=_named("HOST"))
    port: int = Field(9090, ge=0, le=65535, validation_alias=_named("PORT"))
    basic_auth_user: str | None = Field(None, validation_alias=_named("BASIC_AUTH_USER"))
    basic_auth_pass: SecretStr | None = Field(None, validation_alias=_named("BASIC_AUTH_PASS"))
    webhook_secret: SecretStr | None = Field(None, validation_alias=_named("WEBHOOK_SECRET"))
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", validation_alias=_named("LOG_LEVEL")
    )
    log_format: Literal["text", "json"] = Field("text", validation_alias=_named("LOG_FORMAT"))
    public_url: str | None = Field(None, validation_alias=_named("CLEAN_AL_PUBLIC_URL"))
    label_studio_public_url: str | None = Field(
        None, validation_alias=_named("CLEAN_AL_LABEL_STUDIO_PUBLIC_URL")
    )
    workers: int = Field(1, ge=1, le=64, validation_alias=_named("CLEAN_AL_WORKERS"))
    debounce: Seconds = Field(2.0, validation_alias=_named("CLEAN_AL_DEBOUNCE"))
    poll_interval: Seconds = Field(5.0, validation_alias=_named("CLEAN_AL_POLL_INTERVAL"))
    reconcile_interval: Seconds = Field(60.0, validation_alias=_named("CLEAN_AL_RECONCILE_INTERVAL"))
    lease: Seconds = Field(15.0, ge=1, validation_alias=_named("CLEAN_AL_LEASE"))
    job_timeout: int = Field(3600, ge=1, validation_alias=_named("CLEAN_AL_JOB_TIMEOUT"))
    request_timeout: Seconds = Field(60.0, validation_alias=_named("CLEAN_AL_REQUEST_TIMEOUT"))
    max_body: int = Field(16 * 2**20, ge=1024, validation_alias=_named("CLEAN_AL_MAX_BODY"))
    media_hosts: str = Field("", validation_alias=_named("CLEAN_AL_MEDIA_HOSTS"))
    max_media: int = Field(64 * 2**20, ge=1024, validation_alias=_named("CLEAN_AL_MAX_MEDIA"))
    notify_url: SecretStr | None = Field(None, validation_alias=_named("CLEAN_AL_NOTIFY_URL"))
    estimator: str | None = Field(None, validation_alias=_named("CLEAN_AL_ESTIMATOR"))
    text_encoder: str = Field("auto", validation_alias=_named("CLEAN_AL_TEXT_ENCODER"))
    image_encoder: str = Field("auto", validation_alias=_named("CLEAN_AL_IMAGE_ENCODER"))
    seed: int = Field(0, ge=0, validation_alias=_named("CLEAN_AL_SEED"))
    cvat_url: str | None = Field(None, validation_alias=_named("CLEAN_AL_CVAT_URL"))
    cvat_token: SecretStr | None = Field(None, validation_alias=_named("CLEAN_AL_CVAT_TOKEN"))
    cvat_user: str | None = Field(None, validation_alias=_named("CLEAN_AL_CVAT_USER"))
    cvat_password: SecretStr | None = Field(None, validation_alias=_named("CLEAN_AL_CVAT_PASSWORD"))
    cvat_org: str | None = Field(None, validation_alias=_named("CLEAN_AL_CVAT_ORG"))

    @field_validator("label_studio_url", "public_url", "label_studio_public_url", "cvat_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError("give an address such as http://localhost:8080, without user or password")
        return value.rstrip("/")

    @field_validator("redis_url")
    @classmethod
    def _redis_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        # The value holds a password: whatever is wrong with it, nothing of it may be repeated.
        try:
            parts = urlsplit(value.get_secret_value())
            good = parts.scheme in ("redis", "rediss", "unix") and (parts.port or 1) > 0
        except ValueError:
            good = False
        if not good:
            raise ValueError(
                "give an address such as redis://localhost:6379/0; special characters in its password are "
                "written as %XX"
            )
        return value

    @field_validator("notify_url")
    @classmethod
    def _told_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        # Whoever knows the address of a chat's webhook can write there: nothing of it may be repeated.
        try:
            parts = urlsplit(value.get_secret_value())
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            good = False
        if not good:
            raise ValueError("give an address such as https://chat.example.org/hooks/clean-al")
        return value

    @field_validator("media_hosts")
    @classmethod
    def _exact_hosts(cls, value: str) -> str:
        parse_hosts(value)
        return value

    @field_validator("estimator")
    @classmethod
    def _factory(cls, value: str | None) -> str | None:
        module, _, factory = (value or "").partition(":")
        if value and not (factory.isidentifier() and all(p.isidentifier() for p in module.split("."))):
            raise ValueError("give package.module:factory")
        return value or None

    @field_validator("text_encoder", "image_encoder")
    @classmethod
    def _encoder(cls, value: str) -> str:
        value = value.strip()
        if not value or value.endswith(":") or "\0" in value:
            raise ValueError(
                "give auto, off, a path, hub, fastembed:NAME, sentence-transformers:NAME, open_clip:NAME, "
                "timm:NAME or package.module:factory"
            )
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @property
    def address(self) -> str:
        """The address under which Label Studio reaches this backend."""
        # Those two are where to listen; nobody can connect to them.
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104
        host = f"[{host}]" if ":" in host else host
        return self.public_url or f"http://{host}:{self.port}"

    @property
    def listens_on_loopback(self) -> bool:
        """Whether only this machine can connect."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def api_key(self) -> str:
        """The Label Studio token; a `SettingsError` says how to get one."""
        key = self.label_studio_api_key.get_secret_value().strip()
        if not key:
            raise SettingsError(
                "LABEL_STUDIO_API_KEY is not set: in Label Studio open Account & Settings, "
                "Personal Access Token, create one, and put it into the environment or a .env file"
            )
        return key


def read_settings(**given: Any) -> Settings:
    """Return the settings of this process; `given` wins over the environment.

    Raises
    ------
    SettingsError
        Names each wrong variable and what is wrong with it, never its value.
    """
    try:
        settings = Settings(**given)
    except ValidationError as error:
        # Without the values: a token that was put into the wrong variable is among them.
        lines = [f"{_variable(str(e['loc'][0]))}: {e['msg']}" for e in error.errors()]
        raise SettingsError("; ".join(lines)) from None
    except UnicodeDecodeError:
        raise SettingsError(".env: not UTF-8; save it as such") from None
    # A name without a password would let in whoever leaves that empty.
    if bool(settings.basic_auth_user) != bool(settings.basic_auth_pass):
        raise SettingsError("BASIC_AUTH_USER and BASIC_AUTH_PASS go together: set both or neither")
    if not settings.listens_on_loopback and not settings.basic_auth_user:
        raise SettingsError(
            f"HOST={settings.host} can be reached from other machines: set BASIC_AUTH_USER and "
            "BASIC_AUTH_PASS (and give them to Label Studio's ML backend form), or use HOST=127.0.0.1"
        )
    _check_model_dir(settings.model_dir)
    return settings


def _check_model_dir(path: Path) -> None:
    """Refuse a directory into which others can write: they could plant a secret that we would believe."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise SettingsError(f"MODEL_DIR={path} cannot be used: {error.strerror}") from None
    if not stat.S_ISDIR(found.st_mode):
        raise SettingsError(f"MODEL_DIR={path} is not a directory")
    if found.st_mode & stat.S_IWOTH:
        raise SettingsError(
            f"MODEL_DIR={path} can be written by every user of this machine (mode "
            f"{stat.S_IMODE(found.st_mode):o}): look at what lies in it, then chmod o-w, or name a new "
            "folder in it"
        )


def _variable(name: str) -> str:
    """Return the environment variable of a field, given by either name."""
    field = Settings.model_fields.get(name)
    alias = field.validation_alias if field else None
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else name.upper()
