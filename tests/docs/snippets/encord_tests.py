import pytest
from PIL import Image

from airflow_provider_encord.exceptions import EncordRateLimitError
from airflow_provider_encord.hooks.encord import EncordHook


@pytest.fixture
def run(dags, encord_default, tmp_path):
    """Run the DAG with two images; return how it ended."""
    for name in ("a.png", "b.png"):
        Image.new("RGB", (32, 16)).save(tmp_path / name)
    return lambda: dags["nightly_images"].test(run_conf={"folder": str(tmp_path)}).state


def test_the_dag_gets_by_when_encord_stumbles(run, encord_default):
    encord_default.fault("create_dataset", status=429, headers={"Retry-After": "30"})
    encord_default.fault("presigned_urls", times=2, status=503)
    encord_default.fault("upload_job_poll", drop="before")
    assert run() == "success"
    assert list(encord_default.state()["rows"].values()) == [2]
    assert len(encord_default.requests("upload_job_start")) == 1


def test_the_dag_fails_with_its_job(run, encord_default):
    encord_default.force_job(status="ERROR", error="the images cannot be read")
    assert run() == "failed"
    assert list(encord_default.state()["rows"].values()) == [0]


def test_a_lasting_rate_limit_is_told(encord_default):
    encord_default.fault("create_dataset", times=None, status=429, headers={"Retry-After": "30"})
    with pytest.raises(EncordRateLimitError):
        EncordHook().create_dataset("Mine")
