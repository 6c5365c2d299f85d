"""The user: tokens, integrations, private keys."""

from uuid import UUID

from encord import EncordUserClient

from tests.recorder.ids import INTEGRATION, OTHER_INTEGRATION
from tests.recorder.scenario import kept

SCENARIOS = kept(
    {
        "get_bearer_token": lambda client: client.user.get_bearer_token(),
        "get_bearer_token_passphrase_key": lambda client: client.user_with_key(
            "TEST_ONLY_ed25519_passphrase", password="test-only-passphrase", domain="http://encord.test/"
        ).get_bearer_token(),
        "user_agent_suffix": lambda client: client.user_with_key(
            "TEST_ONLY_ed25519", user_agent_suffix=" airflow-provider/1.0 "
        ).get_bearer_token(),
        "get_cloud_integrations": lambda client: client.user.get_cloud_integrations(),
        "get_cloud_integrations_filtered": lambda client: client.user.get_cloud_integrations(
            filter_integration_uuids=[UUID(INTEGRATION), UUID(OTHER_INTEGRATION)],
            filter_integration_titles=["AWS", "my gcp"],
            include_org_access=True,
        ),
        "key_garbage": lambda client: EncordUserClient.create_with_ssh_private_key("this is no key"),
        "key_passphrase_missing": lambda client: client.user_with_key("TEST_ONLY_ed25519_passphrase"),
        "key_passphrase_wrong": lambda client: client.user_with_key("TEST_ONLY_ed25519_passphrase", password="wrong"),
        "key_password_not_needed": lambda client: client.user_with_key("TEST_ONLY_ed25519", password="some"),
        "key_rsa_rejected": lambda client: client.user_with_key("TEST_ONLY_rsa_must_be_rejected"),
    }
)
