"""All tests run with an Airflow home of their own and with nothing of the developer's settings."""

import os
import re
import shutil
import tempfile

HOME = tempfile.mkdtemp(prefix="encord-tests-")

for name in [name for name in os.environ if re.match(r"_?AIRFLOW|AWS_|.*_proxy$", name, re.IGNORECASE)]:
    del os.environ[name]
os.environ |= {
    "AIRFLOW_HOME": HOME,
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "*",
}


def pytest_unconfigure() -> None:
    shutil.rmtree(HOME, ignore_errors=True)
