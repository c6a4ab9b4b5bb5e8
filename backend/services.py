"""The world of one process, built in one place and passed in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from redis import Redis
from redis.backoff import ConstantBackoff, NoBackoff
from redis.retry import Retry

from backend.errors import SettingsError
from backend.label_studio.client import LabelStudio
from backend.label_studio.media import Media
from backend.media_hosts import parse_hosts
from backend.processes.valkey import running_url
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.learning.encoders import Encoders
    from backend.store.models import ModelStore

# In MODEL_DIR; where `clean-al serve` keeps its own Valkey.
VALKEY_FOLDER = "valkey"


@dataclass(frozen=True)
class Services:
    """What the loop works with: settings, Label Studio, Redis and the model store."""

    settings: Settings

    @cached_property
    def label_studio(self) -> LabelStudio:
        return LabelStudio(
            self.settings.label_studio_url, self.settings.api_key, timeout=self.settings.request_timeout
        )

    @cached_property
    def media(self) -> Media:
        hosts = parse_hosts(self.settings.media_hosts)
        return Media.at(
            self.label_studio, hosts, self.settings.max_media, seconds=self.settings.request_timeout
        )

    @cached_property
    def encoders(self) -> Encoders:
        """The pretrained encoders; nothing is opened before the first one is needed."""
        from backend.learning.encoders import Encoders  # scikit-learn, as below

        chosen = {"text": self.settings.text_encoder, "image": self.settings.image_encoder}
        return Encoders(chosen)

    @cached_property
    def redis(self) -> Redis:
        return Redis.from_url(self._redis_url)

    @cached_property
    def patient_redis(self) -> Redis:
        """Redis for a worker: a server that is started anew within a minute is not missed."""
        return Redis.from_url(self._redis_url, retry=Retry(ConstantBackoff(0.5), 120))

    @cached_property
    def impatient_redis(self) -> Redis:
        """Redis for the web process: it neither waits nor tries again."""
        return Redis.from_url(
            self._redis_url,
            # Within Label Studio's one second there must be time left to keep the mark in memory.
            socket_timeout=0.25,
            socket_connect_timeout=0.25,
            retry=Retry(NoBackoff(), 0),
        )

    @cached_property
    def store(self) -> ModelStore:
        from backend.store.models import ModelStore  # scikit-learn: a second that not every command needs

        estimator = self.settings.estimator or ""
        # The one package beside our own whose types may stand in a stored model.
        return ModelStore(self.settings.model_dir, estimator.partition(":")[0].partition(".")[0] or None)

    @property
    def _redis_url(self) -> str:
        if self.settings.redis_url is not None:
            return self.settings.redis_url.get_secret_value()
        url = running_url(self.settings.model_dir.absolute() / VALKEY_FOLDER)
        if url is None:
            raise SettingsError(
                "REDIS_URL is not set and no `clean-al serve` runs on "
                f"MODEL_DIR={self.settings.model_dir}: start `clean-al serve`, or set REDIS_URL"
            )
        return url
