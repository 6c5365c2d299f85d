from airflow.sdk import task


@task
def make_dataset(title: str) -> dict:
    from airflow_provider_encord.hooks.encord import EncordHook

    return EncordHook().create_dataset(title).to_dict()


@task
def list_titles(dataset: dict) -> list[dict]:
    from airflow_provider_encord.hooks.encord import EncordHook

    return [row.to_dict() for row in EncordHook().list_data_rows(dataset["dataset_hash"])]
