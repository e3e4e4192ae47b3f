"""Which provider a process asks: made in one place from the settings."""

from __future__ import annotations

from app.provider import Provider
from app.settings import Settings
from app.theta.client import ThetaClient


def provider_of(settings: Settings, connections: int) -> Provider:
    """The provider that the settings name, able to answer ``connections`` requests at once."""
    return ThetaClient(settings.theta_url, connections=connections, tier=settings.theta_tier)
