"""Scenes: which things stand where, which windows are looked through, and what each patch of a view shows."""

from dataclasses import dataclass

import numpy as np

PICTURE = 320  # source pixels a side
VIEW = 80  # pixels a side that the model sees
PATCH = 8
GRID = VIEW // PATCH
WINDOWS = (80, 96, 112, 128, 144, 160)  # the official crop sizes for an 80-pixel model

COLOURS = {
    "red": (214, 39, 40),
    "orange": (255, 140, 20),
    "yellow": (245, 220, 40),
    "green": (40, 160, 60),
    "cyan": (60, 210, 220),
    "blue": (40, 80, 220),
    "purple": (125, 50, 170),
    "pink": (250, 130, 190),
}
# Each shape with the cap height its character gets, as a share of the shape's side.
SHAPES = {"circle": 0.62, "square": 0.70, "triangle": 0.44, "diamond": 0.50, "star": 0.42, "heart": 0.50}
CHARACTERS = list("ACEFHKLMNPRTUXYZ2347")
COLOUR_NAMES, SHAPE_NAMES = list(COLOURS), list(SHAPES)
DARK = {"red", "green", "blue", "purple"}  # colours that carry a white character

SMALL, LARGE = 0.01, 0.04  # S = box area / picture area: small below the first, large from the second on


@dataclass
class Thing:
    colour: str
    shape: str
    character: str
    x: float  # the box's top left corner and side, source pixels
    y: float
    side: float

    @property
    def area_share(self) -> float:
        return self.side**2 / PICTURE**2

    @property
    def group(self) -> str:
        return "small" if self.area_share < SMALL else "medium" if self.area_share < LARGE else "large"

    @property
    def glyph(self) -> float:
        return self.side * SHAPES[self.shape]


def random_side(rng: np.random.Generator, kind: str) -> float:
    if kind == "big":
        return float(rng.uniform(70, 140))
    low, high = [(19, 32), (32, 64), (64, 120)][rng.choice(3, p=(0.5, 0.25, 0.25))]
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def random_scene(rng: np.random.Generator, kind: str = "mixed") -> list[Thing]:
    """`big`: one to four large things. `mixed`: three to ten things of every size."""
    count = rng.integers(1, 5) if kind == "big" else rng.integers(3, 11)
    sides = sorted((random_side(rng, kind) for _ in range(count)), reverse=True)
    pairs = rng.permutation(len(COLOURS) * len(SHAPES))
    characters = rng.permutation(len(CHARACTERS))
    things: list[Thing] = []
    for side in sides:
        place = _free_place(rng, things, side)
        if place is None:
            continue
        n = len(things)
        colour, shape = divmod(int(pairs[n]), len(SHAPES))
        things.append(Thing(COLOUR_NAMES[colour], SHAPE_NAMES[shape], CHARACTERS[characters[n]], *place, side))
    return things


def _free_place(rng, things, side, gap=4, tries=30):
    for _ in range(tries):
        x, y = rng.uniform(2, PICTURE - side - 2, 2)
        if all(
            x + side + gap < t.x or t.x + t.side + gap < x or y + side + gap < t.y or t.y + t.side + gap < y
            for t in things
        ):
            return float(x), float(y)
    return None


def random_window(rng: np.random.Generator, things: list[Thing], holds_a_thing: float = 0.7) -> tuple[int, int, int]:
    """A square window (x, y, side), anywhere; with the given chance, anywhere that holds some thing."""
    side = int(rng.choice(WINDOWS))
    low_x = low_y = 0
    high_x = high_y = PICTURE - side
    fitting = [t for t in things if t.side < side]
    if fitting and rng.random() < holds_a_thing:
        t = fitting[rng.integers(len(fitting))]
        low_x, high_x = max(0, t.x + t.side - side), min(high_x, t.x)
        low_y, high_y = max(0, t.y + t.side - side), min(high_y, t.y)
    x, y = rng.uniform(low_x, high_x + 1e-6), rng.uniform(low_y, high_y + 1e-6)
    return int(round(x)), int(round(y)), side


def patch_owners(things: list[Thing], window: tuple[int, int, int]) -> np.ndarray:
    """For a view, the index of the thing each patch shows (row-major), or -1."""
    x0, y0, side = window
    scale = VIEW / side
    edges = np.arange(GRID + 1) * PATCH
    best = np.zeros((GRID, GRID))
    owner = np.full((GRID, GRID), -1, np.int8)
    for n, t in enumerate(things):
        a, b, s = (t.x - x0) * scale, (t.y - y0) * scale, t.side * scale
        across = np.clip(np.minimum(edges[1:], a + s) - np.maximum(edges[:-1], a), 0, None)
        down = np.clip(np.minimum(edges[1:], b + s) - np.maximum(edges[:-1], b), 0, None)
        cover = np.outer(down, across)
        if cover.sum() < 0.5 * s * s:
            continue  # mostly outside the window
        share = cover / min(PATCH * PATCH, s * s)
        share[np.unravel_index(share.argmax(), share.shape)] += 1
        mine = (share >= 0.4) & (share > best)
        best[mine], owner[mine] = share[mine], n
    return owner.reshape(-1)


def patch_labels(things, window):
    """colour, shape, character (index + 1, 0 for none) and glyph height in view pixels, for each patch: int16 [4, GRID*GRID]."""
    owner = patch_owners(things, window)
    table = np.zeros((len(things) + 1, 4), np.int16)
    for n, t in enumerate(things):
        glyph = min(32000, round(t.glyph * VIEW / window[2] * 10))
        table[n] = (
            COLOUR_NAMES.index(t.colour) + 1,
            SHAPE_NAMES.index(t.shape) + 1,
            CHARACTERS.index(t.character) + 1,
            glyph,
        )
    return table[owner].T  # owner -1 picks the last row, all zeros
