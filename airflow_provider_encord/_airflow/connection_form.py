"""The form for a connection to Encord, on Airflow 2.11 to 3.1."""

from __future__ import annotations

from typing import Any

STORED_SECRET = "RATHER_LONG_SENSITIVE_FIELD_PLACEHOLDER"  # noqa: S105
"""What Airflow 2 shows instead of a stored secret. When the form is saved, it keeps the secret."""


class SecretWidget:
    """Draws the field of a secret, with a placeholder for a stored one: an empty field would delete it."""

    def __call__(self, field: Any, **kwargs: Any) -> Any:
        """Return the field as HTML."""
        from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget

        # A form with a mistake comes back without the secrets that were typed: require them, so that none gets lost.
        just_typed = bool(field.raw_data and field.data and field.data != STORED_SECRET)
        kwargs["required"] = just_typed
        kwargs["value"] = STORED_SECRET if field.data and not just_typed else ""
        return BS3PasswordFieldWidget(hide_value=False)(field, **kwargs)


def form_widgets() -> dict[str, Any]:
    """Return the form's own fields for Airflow 2.11 to 3.1; later releases read them from the provider info."""
    from flask_appbuilder.fieldwidgets import BS3TextFieldWidget
    from flask_babel import lazy_gettext
    from wtforms import IntegerField, PasswordField, StringField
    from wtforms.validators import Optional

    from airflow_provider_encord.provider_info import CONNECTION_FIELDS

    # A key that is pasted into one line loses its newlines, but needs none. In a text area Airflow 2 expects JSON.
    kinds = {
        "multiline": (PasswordField, SecretWidget),
        "password": (PasswordField, SecretWidget),
        "integer": (IntegerField, BS3TextFieldWidget),
        "string": (StringField, BS3TextFieldWidget),
    }
    widgets = {}
    for name, spec in CONNECTION_FIELDS.items():
        field, widget = kinds[spec["schema"].get("format") or spec["schema"]["type"][0]]
        widgets[name] = field(
            lazy_gettext(spec["label"]), validators=[Optional()], description=spec["description"], widget=widget()
        )
    return widgets


def field_behaviour() -> dict[str, Any]:
    """Return how the standard fields are shown, in the format of Airflow's hooks."""
    from airflow_provider_encord.provider_info import FIELD_BEHAVIOUR

    return {name.replace("-", "_"): value for name, value in FIELD_BEHAVIOUR.items()}
