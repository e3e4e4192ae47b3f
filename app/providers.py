"""Which provider a process asks: made in one place from the settings."""

from __future__ import annotations

from app.errors import SettingError
from app.provider import Provider, Stream, StreamedProvider
from app.settings import Settings
from app.theta.client import ThetaClient
from app.theta.stream import ThetaStream


def provider_of(settings: Settings, connections: int) -> Provider:
    """The provider that the settings name, able to answer ``connections`` requests at once."""
    if settings.data_provider == "files":
        if settings.files_dir is None:
            raise SettingError("FILES_DIR", "is not set, and DATA_PROVIDER is files; set it to the folder of the data")
        # What reads Parquet takes 50 MB of memory: only for those who want it.
        from app.files.client import FilesProvider

        return FilesProvider(settings.files_dir)
    return ThetaClient(settings.theta_url, connections=connections, tier=settings.theta_tier)


def streamed_provider_of(settings: Settings, connections: int) -> tuple[StreamedProvider, Stream]:
    """The source of live events and of the history that mends them; files have no stream."""
    client = ThetaClient(settings.theta_url, connections=connections, tier=settings.theta_tier)
    return client, ThetaStream(settings.theta_ws_url)
