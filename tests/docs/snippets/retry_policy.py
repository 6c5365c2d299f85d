from datetime import timedelta

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

ENCORD_RETRIES = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception="airflow_provider_encord.exceptions.EncordRateLimitError",
            retry_delay=timedelta(minutes=5),
        ),
        RetryRule(
            exception=[
                "airflow_provider_encord.exceptions.EncordServerError",
                "airflow_provider_encord.exceptions.EncordNetworkError",
            ],
            retry_delay=timedelta(minutes=1),
        ),
        RetryRule(
            exception="airflow_provider_encord.exceptions.EncordJobError",
            action=RetryAction.FAIL,
            reason="Somebody should look at the job first",
        ),
    ]
)
