"""Scenes: which things stand where, windows to look through, and what each patch of a view shows.

Frames: `source`, pixels of the picture; `view`, pixels of the square that the model sees (the whole picture is stretched to
it); `tile`, a thing's own frame before it is turned and placed: its height is 1."""

from dataclasses import dataclass, field

import numpy as np

from fonts import FIRST_FONTS, FONT_NAMES, advances, em

VIEW = 80  # pixels a side that the model sees
PATCH = 8
GRID = VIEW // PATCH
WINDOWS = (80, 96, 112, 128, 144, 160)  # the official crop sizes for an 80-pixel model

EASY_SIZE = (320, 320)
SIZES = [(320, 320), (368, 276), (276, 368), (400, 300), (300, 400), (416, 278), (278, 416), (448, 252), (480, 320)]

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
# Each shape with the cap height its character gets, as a share of the tile's height.
SHAPES = {"circle": 0.62, "square": 0.70, "triangle": 0.44, "diamond": 0.50, "star": 0.42, "heart": 0.50}
PLATE, FORM, PAPER = "plate", "form", "white"
LABELS = ["total", "tax", "date", "room", "seat", "price", "gate", "code"]  # what the rows of a form are called
CHARACTERS = list("ACEFHKLMNPRTUXYZ2347")
DIGITS = list("2347")
COLOUR_NAMES, SHAPE_NAMES = list(COLOURS), [*SHAPES, PLATE]  # what things are asked for by
DARK = {"red", "green", "blue", "purple"}  # colours that carry white characters
PLATE_ASPECT, PLATE_CAP = 2.2, 0.52
CENTRE = {"triangle": 0.66, "heart": 0.46, "star": 0.54}  # where a character's middle sits, from the top

# What a patch is taught to be. Class 0 of each is none.
COLOUR_CLASSES = [*COLOUR_NAMES, PAPER]
SHAPE_CLASSES = [*SHAPE_NAMES, FORM, *LABELS]
CHARACTER_CLASSES = [*CHARACTERS, *("##" + c for c in CHARACTERS)]  # first of its text, or going on with one
PLACE_CLASSES = ["<first>", "<second>", "<third>"]  # a character's place in its text; words that nobody writes

SMALL, LARGE = 0.01, 0.04  # S = box area / picture area: small below the first, large from the second on


@dataclass
class Thing:
    colour: str
    shape: str  # a shape, a plate, a form, or the label of a form's row
    text: str
    font: str
    aspect: float  # of the tile: width / height
    quad: list  # where the tile's corners lie, clockwise from the top left, source pixels
    cap: float  # height of the text's capitals, tile
    start: float  # where the text starts, tile
    glyphs: list = field(default_factory=list)  # x, y, width, height of each character, source pixels
    label_font: str = ""  # of a form's row
    label_cap: float = 0.0

    @property
    def body(self) -> tuple[float, float, float, float]:
        """x, y, width, height of all of it (of a form's row, label and value), source pixels."""
        return bounds(self.quad)

    @property
    def is_row(self) -> bool:
        return self.shape in LABELS

    def legible(self, window) -> float:
        """How large the text is in a view, in view pixels: its capitals' height, or a character's width if that is less."""
        needed = self.body if self.is_row else joined(self.glyphs) if self.glyphs else None
        if needed is None or covered(needed, window) < 0.9:
            return 0.0
        across, down = VIEW / window[2], VIEW / window[3]
        return min(min(g[3] * down, 1.1 * g[2] * across) for g in self.glyphs)


@dataclass
class Scene:
    width: int
    height: int
    things: list[Thing]

    @property
    def whole(self) -> tuple[int, int, int, int]:
        return 0, 0, self.width, self.height

    @property
    def asked(self) -> list[int]:
        """The things with something to read."""
        return [n for n, t in enumerate(self.things) if t.text]

    def share(self, box) -> float:
        return box[2] * box[3] / (self.width * self.height)

    def group(self, box) -> str:
        s = self.share(box)
        return "small" if s < SMALL else "medium" if s < LARGE else "large"


# --- geometry


def bounds(points):
    x, y = np.array(points, float).reshape(-1, 2).T
    return float(x.min()), float(y.min()), float(np.ptp(x)), float(np.ptp(y))


def joined(boxes):
    """The smallest box that holds all of them."""
    return bounds([corner for x, y, w, h in boxes for corner in ((x, y), (x + w, y + h))])


def covered(box, window) -> float:
    """The share of a box that lies inside a window."""
    x, y, w, h = box
    across = min(x + w, window[0] + window[2]) - max(x, window[0])
    down = min(y + h, window[1] + window[3]) - max(y, window[1])
    return max(across, 0) * max(down, 0) / max(w * h, 1e-9)


def homography(source, target) -> np.ndarray:
    """The 3 x 3 matrix that takes four points to four others."""
    rows = []
    for (x, y), (u, v) in zip(source, target):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y, u], [0, 0, 0, x, y, 1, -v * x, -v * y, v]]
    a = np.array(rows, float)
    return np.append(np.linalg.solve(a[:, :8], a[:, 8]), 1).reshape(3, 3)


def carry(matrix: np.ndarray, points) -> np.ndarray:
    p = np.array(points, float).reshape(-1, 2)
    q = np.c_[p, np.ones(len(p))] @ matrix.T
    return q[:, :2] / q[:, 2:]


def tile_corners(aspect: float):
    return [(0, 0), (aspect, 0), (aspect, 1), (0, 1)]


# --- things


def make_thing(colour, shape, text, font, aspect, quad, cap, start=None) -> Thing:
    """`start`: where the text starts, tile; left out, it stands in the middle."""
    size, at = em(font, cap), advances(font, text)
    start = (aspect - at[-1] * size) / 2 if start is None else start
    thing = Thing(colour, shape, text, font, aspect, [list(map(float, p)) for p in quad], cap, start)
    matrix = homography(tile_corners(aspect), quad)
    middle = CENTRE.get(shape, 0.5)
    for left, right in zip(at, at[1:]):
        x0, x1 = start + left * size, start + right * size
        corners = [(x0, middle - cap / 2), (x1, middle - cap / 2), (x1, middle + cap / 2), (x0, middle + cap / 2)]
        thing.glyphs.append(list(bounds(carry(matrix, corners))))
    return thing


def placed_quad(rng, x, y, width, height, tilt: float, bend: float):
    """A rectangle about a middle, turned (degrees, standard deviation) and seen askew (share of the side)."""
    turn = np.radians(np.clip(rng.normal(0, tilt), -2.5 * tilt, 2.5 * tilt)) if tilt else 0.0
    corners = np.array([(-width, -height), (width, -height), (width, height), (-width, height)]) / 2
    corners = corners + rng.uniform(-bend, bend, (4, 2)) * min(width, height)
    across, down = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    return [tuple(np.array([x, y]) + cx * across + cy * down) for cx, cy in corners]


def random_side(rng, kind: str, limit: float) -> float:
    if kind == "big":
        return float(rng.uniform(70, 140))
    low, high = [(19, 32), (32, 64), (64, 120)][rng.choice(3, p=(0.5, 0.25, 0.25))]
    return min(limit, float(np.exp(rng.uniform(np.log(low), np.log(high)))))


def random_scene(rng: np.random.Generator, kind: str = "rich") -> Scene:
    """`big`: one to four large things. `mixed`: three to ten things of every size. Both are square and upright. `rich`: every
    aspect ratio; things are turned, seen askew, partly of the same colour or shape; plates; often a form."""
    if kind != "rich":
        scene = Scene(*EASY_SIZE, [])
        count = rng.integers(1, 5) if kind == "big" else rng.integers(3, 11)
        add_things(rng, scene, kind, int(count), COLOUR_NAMES, list(SHAPES), tilt=0.0, bend=0.0)
        return scene
    scene = Scene(*SIZES[rng.integers(len(SIZES))], [])
    if rng.random() < 0.4:
        add_form(rng, scene)
    colours = [str(c) for c in rng.permutation(COLOUR_NAMES)[: rng.integers(3, 9)]]
    shapes = rng.permutation([*SHAPES, PLATE, PLATE])[: rng.integers(4, 9)]
    add_things(rng, scene, kind, int(rng.integers(3, 9)), colours, sorted(set(map(str, shapes))), tilt=6.0, bend=0.06)
    return scene


def add_things(rng, scene: Scene, kind, count, colours, shapes, tilt, bend) -> None:
    limit = 0.4 * min(scene.width, scene.height) if kind == "rich" else 1e9
    sides = sorted((random_side(rng, kind, limit) for _ in range(count)), reverse=True)
    pairs = rng.permutation(len(colours) * len(shapes))[: len(sides)]
    single = rng.permutation(CHARACTERS)
    fonts = FONT_NAMES if kind == "rich" else FIRST_FONTS
    chances = np.array([0.55, *([0.45 / (len(fonts) - 1)] * (len(fonts) - 1))])
    taken = [t.body for t in scene.things if t.shape == FORM]
    for n, (side, pair) in enumerate(zip(sides, pairs)):
        colour, shape = colours[pair // len(shapes)], shapes[pair % len(shapes)]
        aspect, cap, text = 1.0, SHAPES.get(shape, PLATE_CAP), str(single[n])
        if shape == PLATE:
            aspect, side = PLATE_ASPECT, max(side, 26.0)
            text = "".join(rng.choice(CHARACTERS, rng.choice([2, 3])))
        width, height = side * aspect**0.5, side / aspect**0.5
        for _ in range(30):
            x, y = rng.uniform(0, (scene.width, scene.height))
            quad = placed_quad(rng, x, y, width, height, tilt, bend)
            if fits(bounds(quad), scene, taken):
                font = str(rng.choice(fonts, p=chances))
                scene.things.append(make_thing(colour, shape, text, font, aspect, quad, cap))
                taken.append(scene.things[-1].body)
                break


def fits(box, scene: Scene, taken, gap=4, edge=2) -> bool:
    x, y, w, h = box
    inside = x >= edge and y >= edge and x + w <= scene.width - edge and y + h <= scene.height - edge
    return inside and all(
        x + w + gap < bx or bx + bw + gap < x or y + h + gap < by or by + bh + gap < y for bx, by, bw, bh in taken
    )


def add_form(rng, scene: Scene) -> None:
    """A sheet of paper with three to six rows, each a label and a value: the sheet is a thing, and so is each row."""
    rows = int(rng.integers(3, 7))
    pitch, width = float(rng.uniform(23, 34)), float(rng.uniform(96, 126))
    head = pitch * float(rng.uniform(0.3, 1.0))
    height = min(head + pitch * (rows + 0.4), scene.height - 16.0)
    rows = int((height - head) / pitch)
    for _ in range(30):
        x, y = rng.uniform(0, (scene.width, scene.height))
        quad = placed_quad(rng, x, y, width, height, tilt=2.5, bend=0.03)
        if fits(bounds(quad), scene, []):
            break
    else:
        return
    font = str(rng.choice(FONT_NAMES))
    scene.things.append(make_thing(PAPER, FORM, "", font, width / height, quad, 0.1))
    sheet = homography([(0, 0), (width, 0), (width, height), (0, height)], quad)
    label_cap, value_cap = float(rng.uniform(12.5, 17)), float(rng.uniform(9, 12.5))
    value_font = font if rng.random() < 0.5 else str(rng.choice(FONT_NAMES))
    for n, label in enumerate(rng.permutation(LABELS)[:rows]):
        top = head + n * pitch
        corners = carry(sheet, [(3, top), (width - 3, top), (width - 3, top + pitch), (3, top + pitch)])
        text = "".join(rng.choice(DIGITS if rng.random() < 0.5 else CHARACTERS, rng.choice([2, 3])))
        cap = value_cap / pitch
        start = (width - 6) / pitch - em(value_font, cap) * advances(value_font, text)[-1] - 0.15
        row = make_thing(PAPER, str(label), text, value_font, (width - 6) / pitch, corners.tolist(), cap, start)
        room = (start - 0.4) / (em(font, 1.0) * advances(font, row.shape.upper())[-1])  # between the left edge and the value
        row.label_font, row.label_cap = font, min(label_cap / pitch, room)
        scene.things.append(row)


# --- views


def random_window(rng: np.random.Generator, scene: Scene, holds_a_thing: float = 0.7) -> tuple[int, int, int, int]:
    """A square window (x, y, side, side), anywhere; with the given chance, anywhere that holds what some question is about."""
    side = int(rng.choice(WINDOWS))
    low_x = low_y = 0.0
    high_x, high_y = float(scene.width - side), float(scene.height - side)
    fitting = [b for b in (scene.things[n].body for n in scene.asked) if max(b[2], b[3]) < side]
    if fitting and rng.random() < holds_a_thing:
        x, y, w, h = fitting[rng.integers(len(fitting))]
        low_x, high_x = max(0, x + w - side), max(0, min(high_x, x))
        low_y, high_y = max(0, y + h - side), max(0, min(high_y, y))
    x, y = rng.uniform(min(low_x, high_x), high_x + 1e-6), rng.uniform(min(low_y, high_y), high_y + 1e-6)
    return int(round(x)), int(round(y)), side, side


def to_view(box, window):
    x, y, w, h = box
    across, down = VIEW / window[2], VIEW / window[3]
    return (x - window[0]) * across, (y - window[1]) * down, w * across, h * down


def patch_owners(scene: Scene, window) -> np.ndarray:
    """For a view, the index of the thing each patch shows [GRID * GRID], or -1. A row goes before the form it stands on."""
    edges = np.arange(GRID + 1) * PATCH
    best, owner = np.zeros((GRID, GRID)), np.full((GRID, GRID), -1, np.int16)
    for n, t in enumerate(scene.things):
        x, y, w, h = to_view(t.body, window)
        across = np.clip(np.minimum(edges[1:], x + w) - np.maximum(edges[:-1], x), 0, None)
        down = np.clip(np.minimum(edges[1:], y + h) - np.maximum(edges[:-1], y), 0, None)
        cover = np.outer(down, across)
        if not t.is_row and t.shape != FORM and cover.sum() < 0.5 * w * h:
            continue  # mostly outside the window
        share = cover / min(PATCH * PATCH, w * h)
        if t.shape != FORM:
            share[np.unravel_index(share.argmax(), share.shape)] += 1e-9 + (cover.max() > 0)
        mine = (share >= 0.4) & (share > best)
        best[mine], owner[mine] = (share[mine] if t.shape != FORM else 0.0), n
    return owner.reshape(-1)


def patch_labels(scene: Scene, window) -> np.ndarray:
    """What each patch of a view is: colour, shape, character and the character's place in its text (index + 1, 0 for
    none), and how large the text is in tenths of a view pixel: int16 [5, GRID * GRID]."""
    owner = patch_owners(scene, window)
    out = np.zeros((5, GRID * GRID), np.int16)
    middles = (np.arange(GRID) + 0.5) * PATCH
    where = np.stack(np.meshgrid(middles, middles), -1).reshape(-1, 2)  # x, y of each patch's middle
    for n in np.unique(owner[owner >= 0]):
        t, mine = scene.things[n], owner == n
        out[0, mine] = COLOUR_CLASSES.index(t.colour) + 1
        out[1, mine] = SHAPE_CLASSES.index(t.shape) + 1
        if not t.text:
            continue
        out[4, mine] = min(32000, round(10 * t.legible(window)))
        gaps = np.stack([gap_to(where, to_view(g, window)) for g in t.glyphs])  # [characters, patches]
        nearest = gaps.argmin(0)
        near = mine & (gaps.min(0) <= (0.75 * PATCH if t.is_row else np.inf))
        for k, c in enumerate(t.text):
            at = near & (nearest == k)
            out[2, at] = CHARACTERS.index(c) + 1 + (len(CHARACTERS) if k else 0)
            out[3, at] = k + 1
    return out


def gap_to(points: np.ndarray, box) -> np.ndarray:
    """How far points are from the middle of a box, where that is outside of it: [P]. Points inside count by their
    distance to the middle, far less than any outside."""
    x, y, w, h = box
    dx, dy = np.abs(points[:, 0] - x - w / 2), np.abs(points[:, 1] - y - h / 2)
    outside = np.hypot(np.clip(dx - w / 2, 0, None), np.clip(dy - h / 2, 0, None))
    return outside + 1e-3 * np.hypot(dx, dy)
