"""The form in which people type an Airflow connection to Encord, on Airflow 2.11 to 3.1."""

from __future__ import annotations

from typing import Any

STORED_SECRET = "RATHER_LONG_SENSITIVE_FIELD_PLACEHOLDER"  # noqa: S105
"""What Airflow 2 shows in the place of a stored secret, and turns back into it when the form is saved."""


def form_widgets() -> dict[str, Any]:
    """Return the form's own fields for Airflow 2.11 to 3.1; later releases read them from the provider info."""
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
    from flask_babel import lazy_gettext
    from wtforms import IntegerField, PasswordField, StringField
    from wtforms.validators import Optional

    from airflow_provider_encord.provider_info import CONNECTION_FIELDS

    class SecretWidget(BS3PasswordFieldWidget):  # type: ignore[misc, unused-ignore]
        """Never draws a secret. An empty field would delete the stored one, so that is drawn as its placeholder."""

        def __call__(self, field: Any, **kwargs: Any) -> Any:
            self.hide_value = False
            just_typed = bool(field.raw_data) and field.data != STORED_SECRET
            kwargs["value"] = STORED_SECRET if field.data and not just_typed else ""
            # The form came back with a mistake in it: what was typed is not sent back, and must not get lost unseen.
            kwargs["required"] = bool(field.data) and just_typed
            return super().__call__(field, **kwargs)

    # Pasted into one line, a key loses its newlines, which it can do without. In a text area Airflow 2 expects JSON.
    kinds = {
        "multiline": (PasswordField, SecretWidget),
        "password": (PasswordField, SecretWidget),
        "integer": (IntegerField, BS3TextFieldWidget),
        "string": (StringField, BS3TextFieldWidget),
    }
    widgets = {}
    for name, described in CONNECTION_FIELDS.items():
        field, widget = kinds[described["schema"].get("format") or described["schema"]["type"][0]]
        widgets[name] = field(
            lazy_gettext(described["label"]),
            validators=[Optional()],
            description=described["description"],
            widget=widget(),
        )
    return widgets


def field_behaviour() -> dict[str, Any]:
    """Return how the standard fields are shown, in the form that hooks give it."""
    from airflow_provider_encord.provider_info import FIELD_BEHAVIOUR

    return {name.replace("-", "_"): value for name, value in FIELD_BEHAVIOUR.items()}
