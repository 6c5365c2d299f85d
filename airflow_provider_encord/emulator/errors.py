"""How the local Encord says no, in both generations of the API."""

from enum import Enum
from typing import Any


class Reason(Enum):
    """Error names Encord's client 0.1.211 knows, with the HTTP status v2 uses for the same thing."""

    AUTHENTICATION = ("AUTHENTICATION_ERROR", 401)
    UNKNOWN_KEY = ("SSH_KEY_NOT_FOUND_ERROR", 401)
    AUTHORISATION = ("AUTHORISATION_ERROR", 403)
    OPERATION_NOT_ALLOWED = ("OPERATION_NOT_ALLOWED", 403)
    NOT_FOUND = ("RESOURCE_NOT_FOUND_ERROR", 404)
    METHOD_NOT_ALLOWED = ("METHOD_NOT_ALLOWED_ERROR", 405)
    EXISTS = ("RESOURCE_EXISTS_ERROR", 409)
    INVALID_ARGUMENTS = ("INVALID_ARGUMENTS_ERROR", 400)
    INVALID_DATE = ("INVALID_DATE_FORMAT_ERROR", 400)

    def __init__(self, legacy: str, status: int) -> None:
        self.legacy = legacy
        self.status = status

    @property
    def envelope_status(self) -> int:
        """Status inside the legacy envelope; 400 for an unknown key is what a recorded answer of Encord's shows."""
        return 400 if self is Reason.UNKNOWN_KEY else self.status


class Refusal(Exception):
    """A request the local Encord does not carry out."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text

    def envelope(self) -> dict[str, Any]:
        """Return the legacy answer: the name as a list of one, the text as payload."""
        return {"status": self.reason.envelope_status, "response": [self.reason.legacy], "payload": self.text}


class Unprocessable(Exception):
    """A v2 request whose parameters do not fit: HTTP 422 with the problem under ``detail``."""

    def __init__(self, where: str, name: str, text: str) -> None:
        super().__init__(text)
        self.detail = [{"loc": [where, name], "msg": text, "type": "value_error"}]


class MissingExtra(RuntimeError):
    """An optional package is needed and absent."""

    def __init__(self, module: str) -> None:
        super().__init__(f"the local Encord needs {module} here: pip install 'airflow-provider-encord[emulator]'")
