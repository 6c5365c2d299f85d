"""The connection form, declared in both of Airflow's styles."""

import sys
from unittest.mock import MagicMock

import pytest

from airflow_provider_encord.hooks.encord import EncordHook
from airflow_provider_encord.provider_info import CONNECTION_FIELDS, FIELD_BEHAVIOUR, get_provider_info

SECRET = {"ssh_private_key", "passphrase", "token", "api_key"}


def test_widgets_are_the_fields_of_the_provider_info() -> None:
    pytest.importorskip("flask_appbuilder", reason="this Airflow draws forms from the provider info only")
    pytest.importorskip("wtforms")
    widgets = EncordHook.get_connection_form_widgets()
    assert list(widgets) == list(CONNECTION_FIELDS)


def test_secret_fields_are_password_fields_where_widgets_exist() -> None:
    pytest.importorskip("flask_appbuilder", reason="this Airflow draws forms from the provider info only")
    fields = pytest.importorskip("wtforms").PasswordField
    widgets = EncordHook.get_connection_form_widgets()
    for name in SECRET & CONNECTION_FIELDS.keys():
        assert widgets[name].field_class is fields, name


def test_the_widgets_can_be_asked_for_without_flask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow 3.1 and later put such stand-ins there, and leave them."""
    for name in ("wtforms", "wtforms.validators", "flask_babel", "flask_appbuilder", "flask_appbuilder.fieldwidgets"):
        monkeypatch.setitem(sys.modules, name, MagicMock())
    assert list(EncordHook.get_connection_form_widgets()) == list(CONNECTION_FIELDS)


def test_both_styles_hide_and_name_the_same() -> None:
    behaviour = EncordHook.get_ui_field_behaviour()
    assert set(behaviour) == {"hidden_fields", "relabeling", "placeholders"}
    assert behaviour == {name.replace("-", "_"): value for name, value in FIELD_BEHAVIOUR.items()}


def test_provider_info_declares_the_hooks_own_connection_type() -> None:
    (declared,) = get_provider_info()["connection-types"]
    assert declared["connection-type"] == EncordHook.conn_type
    assert declared["hook-name"] == EncordHook.hook_name
    assert declared["hook-class-name"] == f"{EncordHook.__module__}.{EncordHook.__name__}"
    assert declared["conn-fields"] is CONNECTION_FIELDS


def test_every_field_of_the_form_is_one_that_is_read() -> None:
    timeouts = {f"{name}_timeout" for name in ("connect", "read", "total", "stall")}
    assert set(CONNECTION_FIELDS) <= {*SECRET, "ssh_key_file", "dataset_hash"} | timeouts


def test_names_that_airflow_holds_for_secret() -> None:
    try:
        from airflow.sdk._shared.secrets_masker import should_hide_value_for_key
    except ImportError:
        try:
            from airflow.sdk.execution_time.secrets_masker import should_hide_value_for_key
        except ImportError:
            from airflow.utils.log.secrets_masker import should_hide_value_for_key
    for name in SECRET:
        assert should_hide_value_for_key(name), name
    assert not should_hide_value_for_key("connect_timeout")
