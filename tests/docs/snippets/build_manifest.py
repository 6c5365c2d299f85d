from airflow.sdk import task


@task
def make_manifest() -> dict:
    from airflow_provider_encord.manifest import ManifestBuilder

    builder = ManifestBuilder(skip_duplicate_urls=True)
    builder.video("s3://my-bucket/incoming/cam-1.mp4", title="cam-1.mp4", client_metadata={"camera": 1})
    builder.image_group([f"s3://my-bucket/incoming/gate-{side}.jpg" for side in "ab"], "both gates")
    builder.add("nifti", {"objectUrl": "s3://my-bucket/incoming/scan.nii.gz"})
    return builder.build()
