from airflow.sdk import task


@task
def rows_or_none(dataset_hash: str) -> int | None:
    from airflow_provider_encord.exceptions import EncordNotFoundError
    from airflow_provider_encord.hooks.encord import EncordHook

    try:
        return len(EncordHook().list_data_rows(dataset_hash))
    except EncordNotFoundError as error:
        print(f"{error.dataset_hash} is gone (HTTP {error.http_status}, trace id {error.trace_id})")
        return None
