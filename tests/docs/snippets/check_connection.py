from airflow.sdk import task


@task(retries=0)
def check_encord() -> str:
    from airflow_provider_encord.exceptions import EncordError
    from airflow_provider_encord.hooks.encord import EncordHook

    works, message = EncordHook("encord_default").test_connection()
    if not works:
        raise EncordError(message)
    return message
