"""Verbs of the hook: cloud integrations, tokens and API keys."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from uuid import UUID

from airflow_provider_encord._airflow.errors import argument_errors
from airflow_provider_encord._client.outgoing import one_line
from airflow_provider_encord._client.resources import api_keys, integrations, users
from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.hooks._verbs import Mask, Steps, Verbs, ask, steps_of, verb

_READ_AND_WRITE = ("dataset.read", "dataset.write")


class AccessVerbs(Verbs):
    """What a key may use, and other keys."""

    @verb
    def get_cloud_integrations(
        self,
        filter_integration_uuids: Sequence[str | UUID] | None = None,
        filter_integration_titles: Sequence[str] | None = None,
        include_org_access: bool = False,
    ) -> Steps[list[integrations.CloudIntegration]]:
        """List cloud integrations; both filters together narrow. A dataset API key lists all that it may use."""
        if self.settings.credentials.dataset_only:
            return list((yield from ask(integrations.get_cloud_integrations_of_key())))
        with argument_errors():
            call = integrations.get_cloud_integrations(
                filter_integration_uuids=filter_integration_uuids,
                filter_integration_titles=filter_integration_titles,
                include_org_access=include_org_access,
            )
        return list((yield from ask(call)))

    @verb
    def find_cloud_integration(self, title_or_id: str | UUID) -> Steps[str]:
        """Return the id of the one integration with this title; an id is returned as it is.

        :raises EncordInputError: when no integration, or more than one, has the title.
        """
        with contextlib.suppress(ValueError):
            return str(UUID(str(title_or_id)))
        usable = yield from steps_of(self.get_cloud_integrations)()
        found = [each for each in usable if each.title == title_or_id]
        if len(found) == 1:
            return found[0].id
        known = ", ".join(sorted({one_line(each.title) for each in usable})) or "none"
        problem = f"{len(found)} have" if found else "none has"
        raise EncordInputError(
            f"Of the cloud integrations that this key may use, {problem} the title {title_or_id!r} (known: {known}). "
            "Give the id instead."
        )

    @verb
    def get_bearer_token(self) -> Steps[str]:
        """Get a token for the user of the key. It is a secret; it is registered for masking."""
        token = yield from ask(users.get_bearer_token())
        yield Mask([token])
        return token

    @verb
    def create_dataset_api_key(
        self, dataset_hash: str, api_key_title: str, dataset_scopes: Sequence[str] = _READ_AND_WRITE
    ) -> Steps[api_keys.ApiKey]:
        """Make an API key for one dataset. It is a secret; it is registered for masking."""
        scopes = [str(getattr(scope, "value", scope)) for scope in dataset_scopes]
        key = yield from ask(api_keys.create_dataset_api_key(dataset_hash, api_key_title, scopes))
        yield Mask([key.api_key])
        return key

    @verb
    def get_dataset_api_keys(self, dataset_hash: str) -> Steps[list[api_keys.ApiKey]]:
        """List the API keys of one dataset. They are secrets; they are registered for masking."""
        keys = yield from ask(api_keys.get_dataset_api_keys(dataset_hash))
        yield Mask([key.api_key for key in keys])
        return list(keys)

    @verb
    def get_or_create_dataset_api_key(self, dataset_hash: str) -> Steps[api_keys.ApiKey]:
        """Return the first key with both scopes, or make one; not atomic."""
        for key in (yield from steps_of(self.get_dataset_api_keys)(dataset_hash)):
            if set(key.scopes) == set(_READ_AND_WRITE):
                return key
        return (yield from steps_of(self.create_dataset_api_key)(dataset_hash, f"{dataset_hash} - admin key"))
