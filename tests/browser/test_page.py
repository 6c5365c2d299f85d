"""The page of the local Encord, as a person sees it."""

import time

import av
import pytest
from PIL import Image, ImageDraw

from airflow_provider_encord.hooks.encord import EncordHook
from airflow_provider_encord.links.encord import dataset_url

HTML = '<script>window.owned = 1</script><img src=x onerror="window.owned = 1">'


def draw(path, size, seed):
    """Make an image unlike the others."""
    image = Image.new("RGB", size, ((seed * 53) % 200 + 30, (seed * 97) % 200 + 30, (seed * 151) % 200 + 30))
    pen = ImageDraw.Draw(image)
    for step in range(6):
        x, y = (seed * 131 + step * 211) % size[0], (seed * 71 + step * 97) % size[1]
        reach = size[1] // 4 + step * 4
        pen.ellipse(
            (x - reach, y - reach, x + reach, y + reach), fill=((step * 41 + seed) % 256, (seed * 13) % 256, 140)
        )
    image.save(path)
    return path


@pytest.fixture
def images(tmp_path):
    """Make so many images."""

    def make(count, size=(320, 240), start=0):
        return [draw(tmp_path / f"image-{number:03}.jpg", size, number) for number in range(start, start + count)]

    return make


@pytest.fixture
def video(tmp_path):
    with av.open(str(tmp_path / "crossing.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        frame = av.VideoFrame.from_image(Image.open(draw(tmp_path / "frame.png", (640, 360), 7)))
        for picture in [*[frame] * 50, None]:
            container.mux(stream.encode(picture))
    return tmp_path / "crossing.mp4"


@pytest.fixture
def dataset(encord, images, video):
    """A dataset with one of each."""
    hook = EncordHook()
    made = hook.create_dataset("Traffic").dataset_hash
    hook.upload_video(made, video)
    hook.upload_images(made, images(3), client_metadata={"camera": "north", "weather": "rain", "lane": 2, "note": HTML})
    hook.create_image_group(made, images(5, start=10), title="walk around the car")
    hook.upload_image(made, images(1, start=20)[0], title=HTML)
    private = {"videos": [{"objectUrl": "s3://bucket/clips/far.mp4", "title": "clips/far.mp4"}]}
    hook.add_private_data_to_dataset(made, "AWS", private)
    return made


def live(page):
    """Wait until the page shows something."""
    page.locator("#live", has_text="Live").wait_for()
    return page


@pytest.fixture
def scene(visit, encord):
    """Open a page of the local Encord."""
    return lambda path, *args, **options: live(visit(encord.url + path, *args, **options))


SCREENS = ((1280, False), (1280, True), (1101, False), (360, False), (360, True))


def test_it_fits_every_screen(encord, dataset, scene, shot):
    encord.fault("presigned_urls", status=503, times=2)
    item = EncordHook().list_data_rows(dataset)[0].backing_item_uuid
    job = next(iter(encord.state()["jobs"]))
    paths = {
        "overview": "/",
        "dataset": f"/datasets/view/{dataset}",
        "item": f"/items/view/{item}",
        "job": f"/jobs/view/{job}",
    }
    for name, path in paths.items():
        page = scene(path)
        page.evaluate(ALL_PICTURES, True)
        for width, dark in SCREENS:
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme="dark" if dark else "light")
            shot(page, f"{name}-dark" if dark else name)
            assert page.evaluate("document.documentElement.scrollWidth") == width
            assert page.evaluate(CONTRAST) >= 4.5
            assert page.evaluate(CLIPPED) == []


CLIPPED = """[...document.querySelectorAll("section, td, dd")]
    .filter((node) => node.scrollWidth > node.clientWidth + 1).map((node) => node.textContent)"""
"""What does not fit where it stands."""

CONTRAST = """() => {
  const probe = document.body.appendChild(document.createElement("i"));
  const rgb = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color.match(/\\d+/g).map(Number);
  };
  const light = (name) => rgb(name).map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const pairs = ["text", "quiet", "accent", "good", "bad", "busy"]
    .flatMap((ink) => ["ground", "card", "well"].map((paper) => [light(ink), light(paper)]));
  const ratios = pairs.map(([one, other]) => (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05));
  probe.remove();
  return Math.min(...ratios);
}"""
"""The weakest contrast of text with what it stands on."""


def test_dark_mode(scene):
    brightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    assert min(scene("/").evaluate(brightness)) > 200
    assert max(scene("/", dark=True).evaluate(brightness)) < 50


def test_open_in_encord_opens_the_dataset(encord, dataset, visit):
    page = live(visit(dataset_url(EncordHook().settings.domain, dataset)))
    assert page.locator("h1").inner_text() == "Traffic"
    assert page.title() == "Traffic – Local Encord"  # noqa: RUF001
    rows = EncordHook().list_data_rows(dataset)
    assert page.locator('#rows td[data-column="Title"]').all_inner_texts() == [row.data_title for row in rows]
    assert page.locator("#rows h2").inner_text() == f"Data rows {len(rows)}"
    assert page.locator("#rows .placeholder").all_inner_texts() == ["in AWS, not held here"]
    page.get_by_role("link", name="walk around the car").click()
    live(page)
    assert page.locator("#files tbody tr").count() == 5


def test_names_that_are_html_are_text(encord, dataset, scene, console):
    hook = EncordHook()
    named = hook.create_dataset(HTML).dataset_hash
    hook.create_folder(HTML)
    item = hook.list_data_rows(dataset)[5].backing_item_uuid
    for path in ("/", f"/datasets/view/{named}", f"/datasets/view/{dataset}", f"/items/view/{item}"):
        page = scene(path)
        assert HTML in page.locator("main").inner_text()
        assert page.locator("main script, main img[src=x]").count() == 0
        assert page.evaluate("window.owned") is None
    # Even what got in would not run.
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'owned = 1'}))")
    assert page.evaluate("window.owned") is None
    assert "Content Security Policy" in console.pop()


def test_it_is_live_and_leaves_the_reader_alone(encord, dataset, scene, images):
    page = scene(f"/datasets/view/{dataset}", 1280, 500)
    details = page.locator("#rows details").first
    details.locator("summary").click()
    page.get_by_role("link", name="walk around the car").focus()
    page.locator("#rows").evaluate("(rows) => { rows.seen = true; }")
    before = page.evaluate("scrollY")
    assert before > 0
    EncordHook().upload_image(dataset, images(1, start=40)[0], title="just in.jpg")
    page.get_by_role("link", name="just in.jpg").wait_for()
    assert page.locator("#rows h2").inner_text() == "Data rows 8"
    assert page.evaluate("document.activeElement.textContent") == "walk around the car"
    assert details.get_attribute("open") is not None
    assert page.locator("#rows").evaluate("(rows) => rows.seen")
    first = page.locator("#jobs tbody tr").first.bounding_box()["height"]
    assert abs(page.evaluate("scrollY") - before) <= first + 1


def test_what_is_there_twice_is_shown_twice(encord, dataset, scene):
    hook = EncordHook()
    item = hook.list_data_rows(dataset)[0].backing_item_uuid
    hook.link_items(dataset, [item], duplicates_behavior="DUPLICATE")
    videos = [row.data_hash for row in hook.list_data_rows(dataset) if row.backing_item_uuid == item]
    task = hook.re_encode_data(dataset, videos)
    assert len(videos) == scene(f"/jobs/view/{task}").locator("#videos tbody tr").count() == 2


def test_it_says_when_nobody_answers(encord, scene, console):
    page = scene("/")
    encord.stop()
    page.locator("#live", has_text="No answer").wait_for()
    assert page.locator("h1").inner_text() == "Local Encord"
    assert all("ERR_CONNECTION_REFUSED" in complaint for complaint in console)
    console.clear()


def test_what_is_not_there(encord, visit, shot, console):
    page = visit(f"{encord.url}/datasets/view/00000000-0000-4000-8000-000000000000")
    page.get_by_text("There is no dataset with this name").wait_for()
    shot(page, "missing")
    page.get_by_role("link", name="See what there is").click()
    live(page)
    assert all("404" in complaint for complaint in console)
    console.clear()


def test_it_can_be_used_with_keys_and_read_aloud(dataset, scene):
    page = scene(f"/datasets/view/{dataset}")
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim()"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert reached[0] == "Local Encord"
    assert "crossing.mp4" in reached
    alts = page.locator("#rows img").evaluate_all("(images) => images.map((image) => image.alt)")
    assert alts[0] == "First frame of crossing.mp4"
    assert len(alts) == 10
    assert all(alts)
    narrow = scene(f"/datasets/view/{dataset}", 360)
    assert narrow.get_by_role("table", name="Data rows").get_by_role("row").count() == 8
    assert narrow.get_by_role("columnheader", name="Title").count() == 1


def test_500_rows_with_pictures(encord, images, visit, shot, figure):
    hook = EncordHook()
    made = hook.create_dataset("Five hundred").dataset_hash
    hook.upload_images(made, images(500, size=(80, 60)))
    page = visit("about:blank")
    browser = page.context.new_cdp_session(page)
    browser.send("Performance.enable", {"timeDomain": "threadTicks"})
    began = time.monotonic()
    page.goto(f"{encord.url}/datasets/view/{made}")
    live(page)
    page.evaluate(ALL_PICTURES, False)
    figure("500 rows: drawn, with the pictures on the screen", f"{time.monotonic() - began:.2f} s")
    metrics = {entry["name"]: entry["value"] for entry in browser.send("Performance.getMetrics")["metrics"]}
    figure("500 rows: work of the page", f"{metrics['TaskDuration']:.2f} s")
    assert metrics["TaskDuration"] < 2  # seconds of CPU, however busy the machine is
    assert page.locator("#rows tbody tr").count() == 500
    shot(page, "rows")
    assert page.evaluate(ALL_PICTURES, True) == 500
    figure("500 rows: all pictures", f"{time.monotonic() - began:.2f} s")


ALL_PICTURES = """(everywhere) => Promise.all([...document.querySelectorAll("main img")].filter((image) => {
  if (everywhere) image.loading = "eager";
  return everywhere || image.getBoundingClientRect().top < innerHeight;
}).map((image) => image.decode())).then((all) => all.length)"""


def test_10000_rows(encord, visit, figure):
    hook = EncordHook()
    made = hook.create_dataset("Ten thousand").dataset_hash
    private = {"images": [{"objectUrl": f"s3://bucket/{number}.png"} for number in range(10_000)]}
    hook.add_private_data_to_dataset(made, "AWS", private)
    page = visit("about:blank")
    page.add_init_script(
        "window.blocked = 0; new PerformanceObserver((list) => list.getEntries().forEach((entry) => {"
        " blocked = Math.max(blocked, entry.duration); })).observe({type: 'longtask', buffered: true});"
    )
    began = time.monotonic()
    page.goto(f"{encord.url}/datasets/view/{made}")
    live(page)
    figure("10,000 rows: drawn", f"{time.monotonic() - began:.2f} s")
    assert page.locator("#rows h2").inner_text() == "Data rows 10,000"
    assert page.locator("#rows nav").inner_text().split() == ["Page", "1", "of", "20", "Next"]
    page.get_by_role("link", name="Next").click()
    page.locator("#rows nav", has_text="Page 2 of 20").wait_for()
    assert page.locator("#rows tbody tr").count() == 500
    figure("10,000 rows: longest time in which the page did not react", f"{page.evaluate('blocked'):.0f} ms")
