from airflow.sdk import task


@task
def count_by_type(dataset_hash: str) -> dict[str, int]:
    from collections import Counter

    from airflow_provider_encord.hooks.encord import EncordHook

    rows = EncordHook("encord_default").list_data_rows(dataset_hash)
    return dict(Counter(row.data_type for row in rows))
