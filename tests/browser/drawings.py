"""Media that are worth a look: streets with cars, drawn. Pictures of pages, made small."""

import io
import random
from pathlib import Path

import av
from PIL import Image, ImageDraw

SKIES = ((158, 202, 225), (253, 208, 162), (199, 206, 234), (120, 140, 175))
CARS = ((203, 24, 29), (33, 113, 181), (35, 139, 69), (106, 81, 163), (217, 119, 6))


def street(size: tuple[int, int], seed: int, moved: float = 0.0) -> Image.Image:
    """Draw a street; cars have ``moved`` by a part of its width."""
    chance = random.Random(seed)
    width, height = size
    image = Image.new("RGB", size, SKIES[seed % len(SKIES)])
    pen = ImageDraw.Draw(image)
    road = int(height * 0.62)
    left = 0
    while left < width:
        wide, tall = chance.randint(width // 10, width // 5), chance.randint(height // 5, height // 2)
        shade = chance.randint(90, 150)
        pen.rectangle((left, road - tall, left + wide, road), fill=(shade, shade - 10, shade - 20))
        for x in range(left + 6, left + wide - 10, 16):
            for y in range(road - tall + 8, road - 12, 18):
                pen.rectangle((x, y, x + 6, y + 9), fill=(255, 236, 170) if chance.random() < 0.5 else (70, 75, 90))
        left += wide + 4
    pen.rectangle((0, road, width, height), fill=(82, 82, 88))
    for x in range(0, width, width // 8):
        pen.rectangle((x, int(height * 0.8), x + width // 16, int(height * 0.8) + 4), fill=(240, 240, 240))
    for lane in (0.68, 0.86):
        begin = int((chance.random() + moved) % 1 * width)
        long, y = width // 5, int(height * lane)
        pen.rounded_rectangle((begin, y, begin + long, y + height // 10), 6, fill=chance.choice(CARS))
        pen.rounded_rectangle(
            (begin + long // 5, y - height // 14, begin + long * 4 // 5, y + 6), 6, fill=(205, 225, 235)
        )
        for wheel in (0.15, 0.7):
            x = begin + int(long * wheel)
            pen.ellipse((x, y + height // 14, x + height // 14, y + height // 7), fill=(20, 20, 20))
    return image


def draw_video(path: Path, seed: int, size: tuple[int, int] = (320, 240), frames: int = 24) -> None:
    """Draw a short H.264 MP4."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_image(street(size, seed, number / frames / 2))))
        container.mux(stream.encode())


def draw_media(folder: Path) -> None:
    """Draw anew what is in a folder."""
    for number, path in enumerate(sorted(folder.iterdir())):
        if path.suffix == ".mp4":
            draw_video(path, number)
        else:
            with Image.open(path) as before:
                size = before.size
            street(size, number).save(path, "JPEG")


def shrink(png: bytes, path: Path) -> None:
    """Write a picture with few colours, and so few bytes."""
    with Image.open(io.BytesIO(png)) as picture:
        few = picture.convert("RGB").quantize(96, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
