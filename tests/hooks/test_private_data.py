"""Objects of a private cloud, registered by the hook as the operators do."""

import json

import pytest

from airflow_provider_encord.exceptions import EncordInputError

MANIFEST = {"videos": [{"objectUrl": f"s3://bucket/{number}.mp4"} for number in range(3)]}


@pytest.mark.parametrize("integration", ["AWS", "id"])
def test_a_repeat_adds_nothing_twice(integration, hook, dataset, encord):
    known = encord.integrations["AWS"] if integration == "id" else integration
    assert len(hook.add_private_data_to_dataset(dataset, known, MANIFEST)) == 3
    assert hook.add_private_data_to_dataset(dataset, known, MANIFEST) == []
    job = hook.add_private_data_to_dataset_start(dataset, known, json.dumps(MANIFEST))
    assert hook.add_private_data_to_dataset_get_result(dataset, job).done == 3
    assert len(hook.list_data_rows(dataset)) == 3


def test_an_unknown_integration_is_refused_with_those_there_are(hook, dataset, asked):
    with pytest.raises(EncordInputError, match=r"none has the title 'moon' \(known: .*AWS"):
        hook.add_private_data_to_dataset(dataset, "moon", MANIFEST)
    assert "upload_job_start" not in asked()


def test_a_bad_manifest_is_refused_before_the_integration_is_looked_for(hook, dataset, asked):
    with pytest.raises(EncordInputError, match="not JSON"):
        hook.add_private_data_to_dataset(dataset, "AWS", "{")
    assert asked() == []


@pytest.mark.parametrize(
    ("flags", "skip", "rows"),
    [
        ({}, True, 3),
        ({}, False, 6),
        ({"skip_duplicate_urls": False}, True, 6),
        ({"skip_duplicate_urls": True}, False, 3),
        ({"skipDuplicateUrls": False}, True, 6),
    ],
)
def test_a_flag_in_the_manifest_wins(flags, skip, rows, hook, dataset):
    for _ in range(2):
        hook.add_private_data_to_dataset(dataset, "AWS", {**MANIFEST, **flags}, skip_duplicate_urls=skip)
    assert len(hook.list_data_rows(dataset)) == rows
