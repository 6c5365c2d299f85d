"""No vector is forgotten: each is replayed once, or named with a reason."""

from call_cases import CALLS, KEY_CASES, NOT_SENT
from flow_cases import FLOWS
from folder_cases import NOT_OFFERED
from vectors import VECTORS

# Replayed by a test of their own.
SINGLE_TESTS = {
    "presigned_urls_batches": "api/test_vectors_calls.py",
    "apikey_auth_bearer_token": "api/test_vectors_signing.py",
    "old145_upload_video_api_key": "hooks/test_vectors_flows.py",
    "create_image_group_allow_failures": "hooks/test_vectors_flows.py",
}


def test_every_vector_is_replayed_or_named() -> None:
    tables = (CALLS, FLOWS, KEY_CASES, SINGLE_TESTS, NOT_SENT, NOT_OFFERED)
    named = [name for table in tables for name in table]
    assert sorted(named) == sorted(VECTORS)
    assert len(NOT_SENT) == 6
    assert all((NOT_SENT | NOT_OFFERED).values())
