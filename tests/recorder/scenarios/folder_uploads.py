"""Local files uploaded into a folder, one scenario for each kind that the client has a method for."""

from collections.abc import Callable
from typing import Any

from encord.orm import storage

from tests.recorder.answers import signed_urls, upload, upload_job
from tests.recorder.ids import INTEGRATION, JOB
from tests.recorder.scenario import Client, Scenario
from tests.recorder.wire import answer, nothing

_REFUSED = {
    "status": 403,
    "headers": {"Content-Type": "application/xml"},
    "body": "<Error>SignatureDoesNotMatch</Error>",
}
_METADATA = {"a": 1, "b": None}


def _one(method: str, file: str, **arguments: Any) -> Callable[[Client], Any]:
    return lambda client: getattr(client.folder, method)(client.file(file), **arguments)


def _many(method: str, *files: str, **arguments: Any) -> Callable[[Client], Any]:
    return lambda client: getattr(client.folder, method)(client.all_files(*files), **arguments)


def _video(client: Client) -> Any:
    metadata = storage.CustomerProvidedVideoMetadata(
        fps=25.0, duration=12.5, width=1920, height=1080, file_size=17, mime_type="video/mp4"
    )
    return client.folder.upload_video(
        client.file("sample.mp4"), title="Vidéo 1.mp4", client_metadata=_METADATA, video_metadata=metadata
    )


def _audio(client: Client) -> Any:
    metadata = storage.CustomerProvidedAudioMetadata(
        duration=1.5, file_size=17, mime_type="audio/mpeg", sample_rate=44100, bit_depth=16, codec="mp3", num_channels=2
    )
    return client.folder.upload_audio(client.file("voice.mp3"), audio_metadata=metadata)


def _text(client: Client) -> Any:
    metadata = storage.CustomerProvidedTextMetadata(file_size=17, mime_type="text/plain")
    return client.folder.upload_text(client.file("notes.txt"), text_metadata=metadata)


def _pdf(client: Client) -> Any:
    metadata = storage.CustomerProvidedPdfMetadata(file_size=17, num_pages=3)
    return client.folder.upload_pdf(client.file("paper.pdf"), pdf_metadata=metadata)


def _time_series(client: Client) -> Any:
    channel = storage.TimeSeriesLineChannelViewSettings(color="#ff0000")
    settings = storage.TimeSeriesViewSettings(channels={"speed": channel})
    return client.folder.upload_time_series(client.file("speed.csv"), settings=settings)


def _scene(client: Client) -> Any:
    from encord.beta.scene.builder import SceneBuilder

    scene = SceneBuilder()
    scene.add_pcd_stream("lidar").add_pcd(uri="s3://bucket/1.pcd", timestamp=0.5)
    return client.folder.upload_scene(scene, "my scene", INTEGRATION, client_metadata=_METADATA)


_MISTYPED = "The client sends images of a group with the media type of DICOM files."

SCENARIOS = {
    "folder_upload_image": Scenario(
        _one("upload_image", "photo.jpg"),
        "upload image",
        "upload_image('photo.jpg') into a folder",
        upload("photo.jpg"),
    ),
    "folder_upload_image_azure_headers": Scenario(
        _one("upload_image", "photo.png", title="t.png", client_metadata=_METADATA),
        "upload image",
        "upload_image('photo.png', title='t.png', client_metadata) into a folder; the signed URL has upload headers",
        upload("t.png", headers={"x-ms-blob-type": "BlockBlob"}),
    ),
    "folder_upload_image_unknown_type": Scenario(
        _one("upload_image", "photo.unknownext"),
        "upload image",
        "upload_image('photo.unknownext') into a folder: no media type can be guessed from the file name",
        upload("photo.unknownext"),
    ),
    "folder_upload_video": Scenario(
        _video,
        "upload video",
        "upload_video('sample.mp4', title='Vidéo 1.mp4', client_metadata, video_metadata) into a folder",
        upload("Vidéo 1.mp4"),
    ),
    "folder_upload_image_group": Scenario(
        _many("create_image_group", "zebra.png", "apple.jpg", title="my group", client_metadata=_METADATA),
        "create image group",
        "create_image_group(['zebra.png', 'apple.jpg'], title='my group', client_metadata) in a folder",
        upload("zebra.png", "apple.jpg", makes="my group"),
        _MISTYPED,
    ),
    "folder_upload_image_sequence": Scenario(
        _many("create_image_sequence", "zebra.png", "apple.jpg"),
        "create image sequence",
        "create_image_sequence(['zebra.png', 'apple.jpg']) in a folder",
        upload("zebra.png", "apple.jpg", makes="image-sequence-abcde"),
        _MISTYPED,
    ),
    "folder_upload_dicom_series": Scenario(
        _many("create_dicom_series", "b.dcm", "a.dcm", title="series 1", client_metadata=_METADATA),
        "create dicom series",
        "create_dicom_series(['b.dcm', 'a.dcm'], title='series 1', client_metadata) in a folder",
        upload("b.dcm", "a.dcm", makes="series 1"),
    ),
    "folder_upload_audio": Scenario(
        _audio,
        "upload audio",
        "upload_audio('voice.mp3', audio_metadata) into a folder",
        upload("voice.mp3"),
    ),
    "folder_upload_text": Scenario(
        _text,
        "upload text",
        "upload_text('notes.txt', text_metadata) into a folder",
        upload("notes.txt"),
    ),
    "folder_upload_html": Scenario(
        _one("upload_text", "page.html"), "upload text", "upload_text('page.html') into a folder", upload("page.html")
    ),
    "folder_upload_pdf": Scenario(
        _pdf,
        "upload PDF",
        "upload_pdf('paper.pdf', pdf_metadata) into a folder",
        upload("paper.pdf"),
    ),
    "folder_upload_nifti": Scenario(
        _one("upload_nifti", "brain.nii.gz"),
        "upload NIfTI",
        "upload_nifti('brain.nii.gz') into a folder",
        upload("brain.nii.gz"),
    ),
    "folder_upload_time_series": Scenario(
        _time_series,
        "upload time series",
        "upload_time_series('speed.csv', settings) into a folder",
        upload("speed.csv"),
        "No placeholder uuid is sent.",
    ),
    "folder_upload_scene_file": Scenario(
        _one("upload_scene_file", "cloud.pcd"),
        "upload scene",
        "upload_scene_file('cloud.pcd') into a folder",
        upload("cloud.pcd"),
        "The signed URL is the one of the dataset route, and no placeholder uuid is sent.",
    ),
    "folder_upload_scene": Scenario(
        _scene,
        "register scene",
        f"upload_scene(scene with one point cloud, 'my scene', '{INTEGRATION}', client_metadata) into a folder",
        [answer(JOB), upload_job("DONE", "my scene")],
    ),
    "folder_upload_job_error": Scenario(
        _one("upload_video", "sample.mp4"),
        "upload video",
        "upload_video('sample.mp4') into a folder; the job ends with ERROR",
        [*upload("sample.mp4")[:-1], upload_job("ERROR", errors=["stub: could not read the file"], unitsErrorCount=1)],
    ),
    "folder_upload_job_cancelled": Scenario(
        _one("upload_video", "sample.mp4"),
        "upload video",
        "upload_video('sample.mp4') into a folder; the job is cancelled",
        [*upload("sample.mp4")[:-1], upload_job("CANCELLED", unitsCancelledCount=1)],
    ),
    "folder_upload_storage_retry": Scenario(
        _one("upload_video", "sample.mp4"),
        "upload video",
        "upload_video('sample.mp4') into a folder; storage answers 503 once, then 200",
        [signed_urls(1), nothing(503), *upload("sample.mp4")[1:]],
    ),
    "folder_upload_storage_refused": Scenario(
        _one("upload_video", "sample.mp4"),
        "upload video",
        "upload_video('sample.mp4') into a folder; storage answers 403: no job is started",
        [signed_urls(1), _REFUSED],
    ),
}
