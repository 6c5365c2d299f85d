from airflow_provider_encord.hooks.encord import EncordHook


def test_one_task_takes_what_all_mapped_ones_gave(dags, encord_default):
    assert dags["mapped"].test().state == "success"
    assert len(encord_default.requests("upload_job_start")) == 2
    assert encord_default.state()["re_encode_tasks"] == 1
    (dataset,) = EncordHook().get_datasets()
    assert EncordHook().list_data_rows(dataset.dataset_hash) == []
    assert encord_default.requests("delete_data")[0]["removed"] == 3
