"""Encord's regions: their APIs and web apps."""

from __future__ import annotations

DEFAULT_DOMAIN = "https://api.encord.com"
US_DOMAIN = "https://api.us.encord.com"

OTHER_REGION = {DEFAULT_DOMAIN: US_DOMAIN, US_DOMAIN: DEFAULT_DOMAIN}

_APPS = {DEFAULT_DOMAIN: "https://app.encord.com", US_DOMAIN: "https://app.us.encord.com"}


def app_of(domain: str) -> str:
    """Return the address of the web app; your own installation is expected to serve it itself."""
    return _APPS.get(domain, domain)
