"""Pictures: things with their texts over gradients, texture and clutter, some partly hidden, in uneven light."""

import numpy as np
from PIL import Image, ImageDraw

from fonts import em, font
from scenes import (
    CENTRE,
    COLOURS,
    DARK,
    FORM,
    PAPER,
    PLATE,
    VIEW,
    Scene,
    Thing,
    bounds,
    covered,
    homography,
    joined,
    tile_corners,
)

OVER = 2  # things are drawn this many times as large as they come out
PAPER_COLOUR, INK, WHITE = (236, 233, 222), (10, 10, 10), (255, 255, 255)


def render(scene: Scene, rng: np.random.Generator, rich: bool = True) -> Image.Image:
    picture = background(rng, scene.width, scene.height)
    for thing in scene.things:
        draw_thing(picture, thing, rng, shadow=rich)
    if not rich:
        return picture
    for thing in scene.things:
        if thing.text and not thing.is_row and rng.random() < 0.3:
            hide_a_little(picture, thing, rng)
    return lit(picture, rng)


# --- what stands behind


def muted(rng) -> np.ndarray:
    """A colour without much colour: no thing has one like it."""
    grey = rng.uniform(60, 200)
    return np.clip(grey + rng.uniform(-18, 18, 3), 0, 255)


def background(rng, width: int, height: int) -> Image.Image:
    w, h = width // 8, height // 8
    mix = np.linspace(0, 1, w)[None, :] if rng.choice([0, 1]) else np.linspace(0, 1, h)[:, None]
    first, second = muted(rng), muted(rng)
    first = 0.6 * first + 0.4 * second
    field = first + (second - first) * (mix * np.ones((h, w)))[..., None]
    coarse = Image.fromarray(rng.integers(0, 255, (h // 4, w // 4), np.uint8)).resize((w, h), Image.BICUBIC)
    field = field + (np.asarray(coarse, np.float32)[..., None] - 128) * rng.uniform(0, 0.25)
    picture = Image.fromarray(np.clip(field, 0, 255).astype(np.uint8)).resize((width, height), Image.BILINEAR)
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.integers(0, 10)):
        clutter(draw, rng, width, height)
    grain = rng.integers(0, 256, (height, width), np.uint8)
    return Image.blend(picture, Image.fromarray(grain).convert("RGB"), float(rng.uniform(0, 0.12)))


def clutter(draw, rng, width: int, height: int) -> None:
    colour = tuple(int(v) for v in muted(rng))
    x, y = rng.uniform(-20, (width, height))
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


# --- things


def outline(shape: str) -> list[tuple[float, float]]:
    """The corners of a shape in a unit square."""
    if shape in (PLATE, FORM):
        return [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
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


def draw_thing(picture: Image.Image, thing: Thing, rng, shadow: bool) -> None:
    tile = draw_tile(thing, rng)
    x, y, w, h = thing.body
    left, top = int(np.floor(x)) - 1, int(np.floor(y)) - 1
    width, height = int(np.ceil(x + w)) + 1 - left, int(np.ceil(y + h)) + 1 - top
    scale = tile.height
    corners = [(px * scale, py * scale) for px, py in tile_corners(thing.aspect)]
    placed = [((px - left) * OVER, (py - top) * OVER) for px, py in thing.quad]
    back = homography(placed, corners).reshape(-1)
    seen = tile.transform((width * OVER, height * OVER), Image.PERSPECTIVE, tuple(back[:8]), Image.BILINEAR).reduce(OVER)
    if shadow and not thing.is_row:
        fall = max(1, round(0.06 * min(w, h)))
        mask = seen.getchannel("A").point(lambda v: int(v * 0.35))
        picture.paste((0, 0, 0), (left + fall, top + fall), mask)
    picture.paste(seen, (left, top), seen)


def draw_tile(thing: Thing, rng) -> Image.Image:
    """The thing upright, in its own frame, large: RGBA, clear around its outline (a row of a form: ink alone)."""
    height = max(8, round(OVER * thing.body[3]))
    width = max(8, round(height * thing.aspect))
    if thing.is_row:
        tile = Image.new("RGBA", (width, height), (*PAPER_COLOUR, 0))
        write(tile, thing.shape.upper(), thing.label_font, thing.label_cap * height, 0.2 * height, height / 2, INK)
    else:
        plain = PAPER_COLOUR if thing.colour == PAPER else COLOURS[thing.colour]
        colour = np.clip(np.array(plain) + rng.uniform(-16, 16, 3), 0, 255).astype(int)
        tile = Image.new("RGBA", (width, height), (*colour.tolist(), 0))
        corners = [(px * (width - 1), py * (height - 1)) for px, py in outline(thing.shape)]
        ImageDraw.Draw(tile).polygon(corners, (*colour.tolist(), 255))
    if thing.shape == PLATE and rng.random() < 0.5:
        edge = max(1, round(0.05 * height))
        ImageDraw.Draw(tile).rectangle((edge, edge, width - 1 - edge, height - 1 - edge), outline=(*ink(thing), 255), width=edge)
    write(tile, thing.text, thing.font, thing.cap * height, thing.start * height, CENTRE.get(thing.shape, 0.5) * height, ink(thing))
    return tile


def ink(thing: Thing):
    return WHITE if thing.colour in DARK else INK


def write(tile, text: str, name: str, cap: float, x: float, middle: float, colour) -> None:
    """Text whose capitals are `cap` high, from x on, about a middle line."""
    if text:
        letters = font(name, max(4, round(em(name, cap))))
        ImageDraw.Draw(tile).text((x, middle + cap / 2), text, (*colour, 255), letters, anchor="ls")


# --- what comes in between


def hide_a_little(picture: Image.Image, thing: Thing, rng) -> None:
    """Something muted over an edge of the thing, beside its text."""
    x, y, w, h = thing.body
    turn, size = rng.uniform(0, 2 * np.pi), float(rng.uniform(0.2, 0.4)) * min(w, h)
    cx, cy = x + w / 2 + 0.5 * w * np.cos(turn), y + h / 2 + 0.5 * h * np.sin(turn)
    blot = (cx - size / 2, cy - size / 2, size, size)
    if covered(joined(thing.glyphs), blot) == 0:
        draw = ImageDraw.Draw(picture)
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape((blot[0], blot[1], blot[0] + size, blot[1] + size), tuple(int(v) for v in muted(rng)))


def lit(picture: Image.Image, rng) -> Image.Image:
    """Light from one side, and a lamp or a shade somewhere."""
    w, h = picture.size
    y, x = np.mgrid[0:1:16j, 0:1:16j]
    turn, depth = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.35)
    light = 1 - depth * (0.5 + 0.5 * ((x - 0.5) * np.cos(turn) + (y - 0.5) * np.sin(turn)) * 2 / 1.5)
    px, py = rng.uniform(0, 1, 2)
    light = light + rng.uniform(-0.2, 0.15) * np.exp(-((x - px) ** 2 + (y - py) ** 2) / 0.08)
    warm = 1 + rng.uniform(-0.06, 0.06) * np.array([1, 0, -1])
    field = np.asarray(Image.fromarray(light.astype(np.float32)).resize((w, h), Image.BICUBIC))
    lit = np.asarray(picture, np.float32) * field[..., None] * warm.astype(np.float32)
    return Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))


def view(picture: Image.Image, window) -> np.ndarray:
    """What the model sees of a window: uint8 [VIEW, VIEW, 3], cut first, then resized, as the processor does."""
    x, y, w, h = window
    cut = picture if (w, h) == picture.size else picture.crop((x, y, x + w, y + h))
    return np.asarray(cut.resize((VIEW, VIEW), Image.BICUBIC))
