import pytest

from airflow_provider_encord.exceptions import EncordRateLimitError
from airflow_provider_encord.hooks.encord import EncordHook


def test_a_rate_limit_is_waited_out(encord):
    encord.fault("create_dataset", status=429, headers={"Retry-After": "0"})
    EncordHook().create_dataset("Mine")
    assert [entry["status"] for entry in encord.requests("create_dataset")] == [429, 200]


def test_a_lasting_rate_limit_is_told(encord):
    encord.fault("create_dataset", times=None, status=429, headers={"Retry-After": "0"})
    with pytest.raises(EncordRateLimitError):
        EncordHook().create_dataset("Mine")
