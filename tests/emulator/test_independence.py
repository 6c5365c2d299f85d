"""The emulator stands alone, takes what Encord's client really signs, and comes with a fixture."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

from airflow_provider_encord.emulator.auth import Doorkeeper, generate_key, user_of, user_of_private_key
from airflow_provider_encord.emulator.store import Store
from airflow_provider_encord.emulator.users import Users

VECTORS = Path(__file__).parents[1] / "data" / "vectors"


def run(*command, **options):
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=60, check=False, **options
    )


def test_nothing_else_is_imported():
    code = """
import sys
for name in ("airflow", "av", "boto3", "botocore", "encord", "PIL", "requests"):
    sys.modules[name] = None
import airflow_provider_encord.emulator.__main__
own = "airflow_provider_encord"
others = [name for name in sys.modules if name.startswith(own + ".") and not name.startswith(own + ".emulator")]
assert not others, others
"""
    done = run("-c", code)
    assert done.returncode == 0, done.stderr


def test_fixture(tmp_path):
    test = "def test(local_encord):\n    assert local_encord.state()['datasets'] == 0\n"
    (tmp_path / "test_it.py").write_text(test, encoding="utf-8")
    plugin = "airflow_provider_encord.emulator.pytest_plugin"
    root = str(Path(__file__).parents[2])
    options = ["-q", "-p", plugin, "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(tmp_path)]
    done = run("-c", f"import sys, pytest; sys.path.insert(0, {root!r}); sys.exit(pytest.main(sys.argv[1:]))",
               *options, str(tmp_path))  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_key_text():
    text, user = generate_key()
    assert user_of_private_key(text) == user
    line = load_ssh_private_key(text.encode(), None).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    assert user_of(line.decode()) == user


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the recorded requests are not here")
def test_recorded_signatures_are_accepted():
    checked = 0
    users = Users(Store())
    for file in sorted(VECTORS.glob("*.json")):
        vector = json.loads(file.read_text(encoding="utf-8"))
        if vector["auth"] != "ssh":
            continue
        keeper = Doorkeeper(users, lambda key: None, lambda moment=vector["frozen"]["created"]: moment)
        for request in vector["requests"]:
            headers, body = request["headers"], request["body"].encode()
            signed = headers.get("Signature-Input", "").partition('keyid="')[2][:64]
            user = signed or headers.get("Authorization", "").partition(":")[0]
            if len(user) != 64:
                continue
            users.add_key(user)
            if signed:
                target = request["path"] + ("?" + request["query"] if request["query"] else "")
                assert keeper.v2(request["method"], target, headers, body).user == user, file.name
            else:
                assert keeper.legacy(headers, body).user == user, file.name
            checked += 1
    assert checked > 100
