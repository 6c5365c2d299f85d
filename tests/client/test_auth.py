"""Keys as people paste them, and errors that name the mistake without a byte of the key."""

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_encord._client.auth import KeyProblem, key_forms, load_private_key
from vectors import DATASET, KEY, PASSPHRASE, PROTECTED_KEY, PUBLIC_KEY, RSA_KEY, credentials

LINES = KEY.strip().splitlines()
BODY = "\n".join(LINES[1:-1])
PUBLIC_HEX = "eab32590170cea3220f1c16ac8f6f055b0b28e844a73f4b6e345c2095966c760"

FORMS = {
    "as the file is": KEY,
    "without the last newline": KEY.rstrip("\n"),
    "CRLF": KEY.replace("\n", "\r\n"),
    "CR only": KEY.replace("\n", "\r"),
    "newlines as text": KEY.replace("\n", "\\n"),
    "CRLF as text": KEY.replace("\n", "\\r\\n"),
    "newlines as text and real ones": KEY.replace("\n", "\\n\n"),
    "blanks for newlines": KEY.replace("\n", " "),
    "no newlines at all": KEY.replace("\n", ""),
    "blank lines around": f"\n\n  {KEY}\n\n",
    "trailing blanks on each line": KEY.replace("\n", "  \n"),
    "indented": "\n".join(f"    {line}" for line in LINES),
    "tabs": KEY.replace("\n", "\t"),
    "double quotes around": f'"{KEY}"',
    "single quotes around": f"'{KEY}'",
    "base64 of the file": base64.b64encode(KEY.encode()).decode(),
    "base64 of the file, wrapped": base64.encodebytes(KEY.encode()).decode(),
    "base64 of the file with CRLF": base64.b64encode(KEY.replace("\n", "\r\n").encode()).decode(),
    "body without borders": BODY,
    "body without borders, one line": BODY.replace("\n", ""),
    "other line length": "\n".join([LINES[0], *re.findall(".{1,64}", BODY.replace("\n", "")), LINES[-1]]),
}


@pytest.mark.parametrize("form", FORMS)
def test_key_is_read_as_people_paste_it(form: str) -> None:
    key = load_private_key(FORMS[form])
    assert key.public_key().public_bytes_raw().hex() == PUBLIC_HEX


@pytest.mark.parametrize("form", ["as text", "newlines as text", "base64"])
def test_protected_key_opens_with_its_passphrase(form: str) -> None:
    text = {
        "as text": PROTECTED_KEY,
        "newlines as text": PROTECTED_KEY.replace("\n", "\\n"),
        "base64": base64.b64encode(PROTECTED_KEY.encode()).decode(),
    }[form]
    assert load_private_key(text, PASSPHRASE).public_key().public_bytes_raw().hex() == PUBLIC_HEX


def test_empty_passphrase_counts_as_none() -> None:
    assert load_private_key(KEY, "")
    with pytest.raises(KeyProblem, match="set 'passphrase'"):
        load_private_key(PROTECTED_KEY, "")


_DER = "MC4CAQAwBQYDK2VwBCIEIPAuQ6zmTmWVM+zKQv0Yk0SLTq2RbDcNWOYHqfmRzOaY"
PKCS8 = f"-----BEGIN PRIVATE KEY-----\n{_DER}\n-----END PRIVATE KEY-----\n"
BAD = {
    "empty": ("", None, "is empty"),
    "blanks": (" \n\t ", None, "is empty"),
    "quotes only": ('""', None, "is empty"),
    "masked text": ("***", None, "asterisks"),
    "longer masked text": ("**********\n", None, "asterisks"),
    "public key": (PUBLIC_KEY, None, "public key"),
    "public key in base64": (base64.b64encode(PUBLIC_KEY.encode()).decode(), None, "public key"),
    "RSA public key": ("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ user@host", None, "public key"),
    "RSA key": (RSA_KEY, None, "type RSA"),
    "RSA key in base64": (base64.b64encode(RSA_KEY.encode()).decode(), None, "type RSA"),
    "PKCS#8": (PKCS8, None, "'PRIVATE KEY' file"),
    "old PEM": (PKCS8.replace("PRIVATE", "RSA PRIVATE"), None, "'RSA PRIVATE KEY' file"),
    "certificate": (PKCS8.replace("PRIVATE KEY", "CERTIFICATE"), None, "'CERTIFICATE' file"),
    "no end line": (KEY.replace(LINES[-1], ""), None, "cut off"),
    "cut in the middle": ("\n".join([*LINES[:3], LINES[-1]]), None, "damaged"),
    "one letter changed": (KEY.replace(BODY[100], "A" if BODY[100] != "A" else "B", 1), None, "damaged|kind|OpenSSH"),
    "empty body": (f"{LINES[0]}\n{LINES[-1]}", None, "damaged"),
    "binary in base64": (base64.b64encode(bytes(range(256))).decode(), None, "not of an OpenSSH key file"),
    "words": ("my secret key", None, "neither an OpenSSH key nor its base64"),
    "protected, no passphrase": (PROTECTED_KEY, None, "set 'passphrase'"),
    "protected, wrong passphrase": (PROTECTED_KEY, PASSPHRASE + "x", "wrong passphrase"),
    "not protected, passphrase": (KEY, "needless-words", "remove it"),
}


def windows(text: str, width: int = 12) -> set[str]:
    return {run[at : at + width] for run in re.findall(r"[A-Za-z0-9+/=]+", text) for at in range(len(run) - width + 1)}


def assert_shows_nothing(error: BaseException, text: str) -> None:
    words = windows("-----BEGIN OPENSSH PRIVATE KEY----- PRIVATE CERTIFICATE")
    assert error.__suppress_context__ or not error.__context__
    chain = f"{error} {error!r} {error.args} {error.__cause__}"
    assert not [each for each in windows(text) - words if each in chain]


@pytest.mark.parametrize("mistake", BAD)
def test_bad_key_is_named_and_not_shown(mistake: str) -> None:
    text, passphrase, said = BAD[mistake]
    with pytest.raises(KeyProblem, match=said) as caught:
        load_private_key(text, passphrase)
    assert_shows_nothing(caught.value, text)
    assert not passphrase or passphrase not in str(caught.value)


@given(st.data())
def test_no_damaged_key_is_ever_shown(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([KEY, PROTECTED_KEY, RSA_KEY, PUBLIC_KEY]))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    damaged = text[:start] + data.draw(st.text(max_size=20)) + text[end:]
    try:
        load_private_key(damaged, data.draw(st.sampled_from([None, PASSPHRASE, "wrong"])))
    except KeyProblem as problem:
        assert_shows_nothing(problem, text)


@given(st.text())
def test_any_text_is_a_key_or_a_named_problem(text: str) -> None:
    with pytest.raises(KeyProblem):
        load_private_key(text)


@pytest.mark.parametrize(
    "text", [KEY, PROTECTED_KEY, KEY.replace("\n", "\\n"), KEY.replace("\n", " "), KEY.replace("\n", "\r\n")]
)
def test_all_printable_forms_of_a_key_are_known(text: str) -> None:
    forms = key_forms(text)
    assert {text, text.strip()} <= forms
    assert {line.strip() for line in re.split(r"\s+|\\n", text) if len(line) > 11 and "-" not in line} <= forms
    assert "-----BEGIN OPENSSH PRIVATE KEY-----" not in forms, "the border is no secret, and masking it hides nothing"


def test_key_pasted_on_one_line_is_known_line_by_line_too() -> None:
    # It is normalised to lines before it is loaded, so these may show up as well.
    forms = key_forms(KEY.replace("\n", ""))
    assert set(LINES[1:-1]) <= forms


def test_forms_never_hold_a_short_piece() -> None:
    assert all(len(form) >= 8 for form in key_forms(KEY + "\nab\n"))
    assert key_forms("abc") == set()


def test_no_credentials_show_themselves() -> None:
    assert PUBLIC_HEX not in repr(credentials("ssh"))
    assert repr(credentials("bearer")) == "BearerCredentials()"
    assert repr(credentials("api_key")) == f"ApiKeyCredentials(dataset_hash={DATASET!r})"
