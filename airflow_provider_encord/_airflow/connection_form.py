"""The form in which people type an Airflow connection to Encord, on Airflow 2.11 to 3.1."""

from __future__ import annotations

from typing import Any


def form_widgets() -> dict[str, Any]:
    """Return the form's own fields for Airflow 2.11 to 3.1; later releases read them from the provider info."""
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextAreaFieldWidget, BS3TextFieldWidget
    from flask_babel import lazy_gettext
    from wtforms import IntegerField, PasswordField, StringField

    from airflow_provider_encord.provider_info import CONNECTION_FIELDS

    # A password field drawn as a text area is stored and masked as a secret and keeps the lines of a pasted key.
    kinds = {
        "multiline": lambda label: PasswordField(label, widget=BS3TextAreaFieldWidget()),
        "password": lambda label: PasswordField(label, widget=BS3PasswordFieldWidget()),
        "integer": lambda label: IntegerField(label, widget=BS3TextFieldWidget()),
        "string": lambda label: StringField(label, widget=BS3TextFieldWidget()),
    }
    return {
        name: kinds[described["schema"].get("format") or described["schema"]["type"][0]](
            lazy_gettext(described["label"])
        )
        for name, described in CONNECTION_FIELDS.items()
    }


def field_behaviour() -> dict[str, Any]:
    """Return how the standard fields are shown, in the form that hooks give it."""
    from airflow_provider_encord.provider_info import FIELD_BEHAVIOUR

    return {name.replace("-", "_"): value for name, value in FIELD_BEHAVIOUR.items()}
