"""Pictures: things with their characters over gradients, texture and clutter."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from scenes import COLOURS, DARK, PICTURE, SHAPES, VIEW, Thing

FONT_FOLDER = "/usr/share/fonts/truetype/dejavu"
FONTS = ["DejaVuSans-Bold", "DejaVuSansCondensed-Bold", "DejaVuSansMono-Bold", "DejaVuSerif-Bold"]
FONT_CHANCES = (0.55, 0.15, 0.15, 0.15)


@lru_cache(maxsize=None)
def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(f"{FONT_FOLDER}/{name}.ttf", size)


def render(things: list[Thing], rng: np.random.Generator) -> Image.Image:
    picture = background(rng)
    for thing in things:
        draw_thing(picture, thing, rng)
    return picture


def muted(rng) -> np.ndarray:
    """A colour without much colour: no thing has one like it."""
    grey = rng.uniform(60, 200)
    return np.clip(grey + rng.uniform(-18, 18, 3), 0, 255)


def background(rng) -> Image.Image:
    small = PICTURE // 8
    ramp = np.linspace(0, 1, small)
    across = rng.choice([0, 1])
    mix = (ramp[None, :] if across else ramp[:, None]) * np.ones((small, small))
    first, second = muted(rng), muted(rng)
    first = 0.6 * first + 0.4 * second
    field = first + (second - first) * mix[..., None]
    coarse = Image.fromarray(rng.integers(0, 255, (small // 4, small // 4), np.uint8)).resize((small, small), Image.BICUBIC)
    field = field + (np.asarray(coarse, np.float32)[..., None] - 128) * rng.uniform(0, 0.25)
    picture = Image.fromarray(np.clip(field, 0, 255).astype(np.uint8)).resize((PICTURE, PICTURE), Image.BILINEAR)
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.integers(0, 10)):
        clutter(draw, rng)
    grain = rng.integers(0, 256, (PICTURE, PICTURE), np.uint8)
    return Image.blend(picture, Image.fromarray(grain).convert("RGB"), float(rng.uniform(0, 0.12)))


def clutter(draw, rng) -> None:
    colour = tuple(int(v) for v in muted(rng))
    x, y = rng.uniform(-20, PICTURE, 2)
    w, h = rng.uniform(5, 90, 2)
    kind = rng.integers(4)
    if kind == 0:
        draw.line((x, y, x + 3 * w - 90, y + 3 * h - 90), colour, int(rng.integers(1, 6)))
    elif kind == 1:
        draw.rectangle((x, y, x + w, y + h), colour)
    elif kind == 2:
        draw.ellipse((x, y, x + w, y + h), colour)
    else:
        draw.arc((x, y, x + w, y + h), rng.uniform(0, 360), rng.uniform(0, 360), colour, int(rng.integers(1, 5)))


def outline(shape: str) -> list[tuple[float, float]]:
    """The corners of a shape in a unit square."""
    if shape == "circle":
        turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        return [(0.5 + 0.5 * np.cos(a), 0.5 + 0.5 * np.sin(a)) for a in turn]
    if shape == "square":
        return [(0.04, 0.04), (0.96, 0.04), (0.96, 0.96), (0.04, 0.96)]
    if shape == "triangle":
        return [(0.5, 0.0), (1.0, 0.95), (0.0, 0.95)]
    if shape == "diamond":
        return [(0.5, 0.0), (1.0, 0.5), (0.5, 1.0), (0.0, 0.5)]
    if shape == "star":
        turn = -np.pi / 2 + np.arange(10) * np.pi / 5
        return [(0.5 + r * np.cos(a), 0.52 + r * np.sin(a)) for a, r in zip(turn, [0.54, 0.27] * 5)]
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)  # heart
    x, y = 16 * np.sin(turn) ** 3, 13 * np.cos(turn) - 5 * np.cos(2 * turn) - 2 * np.cos(3 * turn) - np.cos(4 * turn)
    return [(0.5 + a / 33, 0.46 - b / 31) for a, b in zip(x, y)]


CENTRE = {"triangle": 0.66, "heart": 0.46, "star": 0.54}  # where the character's middle sits, from the top


def draw_thing(picture: Image.Image, thing: Thing, rng) -> None:
    over = 4 if thing.side < 50 else 2
    size = int(np.ceil(thing.side)) + 2
    left, top = int(thing.x), int(thing.y)
    shift_x, shift_y = thing.x - left, thing.y - top
    mask = Image.new("L", (size * over, size * over))
    corners = [((px * thing.side + shift_x) * over, (py * thing.side + shift_y) * over) for px, py in outline(thing.shape)]
    ImageDraw.Draw(mask).polygon(corners, 255)
    mask = mask.resize((size, size), Image.BOX)
    colour = tuple(int(v) for v in np.clip(np.array(COLOURS[thing.colour]) + rng.uniform(-16, 16, 3), 0, 255))
    picture.paste(colour, (left, top), mask)
    name = FONTS[rng.choice(len(FONTS), p=FONT_CHANCES)]
    ink = (255, 255, 255) if thing.colour in DARK else (10, 10, 10)
    letter = font(name, max(6, round(thing.glyph / 0.73)))  # cap height is 0.73 of the size in these fonts
    middle = thing.y + thing.side * CENTRE.get(thing.shape, 0.5)
    draw_character(picture, thing.character, letter, thing.x + thing.side / 2, middle, ink)


def draw_character(picture, character, letter, x, y, ink) -> None:
    mask, _ = letter.getmask2(character, mode="L")
    glyph = Image.frombytes("L", mask.size, bytes(mask))
    picture.paste(ink, (round(x - mask.size[0] / 2), round(y - mask.size[1] / 2)), glyph)


def view(picture: Image.Image, window: tuple[int, int, int]) -> np.ndarray:
    """What the model sees of a window: uint8 [VIEW, VIEW, 3], cut first, then resized, as the processor does."""
    x, y, side = window
    cut = picture if side == PICTURE else picture.crop((x, y, x + side, y + side))
    return np.asarray(cut.resize((VIEW, VIEW), Image.BICUBIC))
