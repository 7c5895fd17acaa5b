"""The held-out pictures and questions: demo/benchmark (many) and demo/pictures with demo/questions.json (a dozen).

    python benchmark.py DEMO_FOLDER
"""

import json
import os
import sys

import numpy as np

from questions import ASK
from render import render
from scenes import random_scene

SEED = 900_000_000  # no training seed reaches it (pool.py)
PICTURES = 200


def record(name, things, q):
    t = things[q.thing] if q.thing is not None else None
    x, y = (round(t.x), round(t.y)) if t else (0, 0)
    box = {"x": x, "y": y, "width": round(t.side), "height": round(t.side)} if t else None
    return {
        "picture": name,
        "question": q.text,
        "answer": q.answer,
        "box": box,
        "S": round(t.area_share, 5) if t else None,
        "size": t.group if t else None,
        "family": q.family,
    }


def ask(things, rng):
    """Two small things read, a medium and a large one where there is one, and a question of another family, in words not trained on."""
    groups = {g: [n for n, t in enumerate(things) if t.group == g] for g in ("small", "medium", "large")}
    chosen = list(rng.permutation(groups["small"])[:2])
    for group in ("medium", "large"):
        if groups[group]:
            chosen.append(rng.choice(groups[group]))
    out = [ASK["read"](things, int(n), rng, held_out=True) for n in chosen]
    other = ("colour", "shape", "exists")[rng.integers(3)]
    out.append(ASK[other](things, int(rng.integers(len(things))), rng, held_out=True))
    return out


def make(folder, questions_path, first_seed, count, wanted, quality):
    os.makedirs(folder, exist_ok=True)
    records, seed, made = [], first_seed, 0
    while made < count:
        rng = np.random.default_rng(seed)
        seed += 1
        things = random_scene(rng)
        if not wanted(things):
            continue
        name = f"{made:03d}.webp"
        render(things, rng).save(f"{folder}/{name}", quality=quality, method=6)
        records += [record(name, things, q) for q in ask(things, rng)]
        made += 1
    with open(questions_path, "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(r) for r in records) + "\n]\n")
    print(questions_path, len(records), {g: sum(r["size"] == g for r in records) for g in ("small", "medium", "large")})


def small_ones(things):
    return sum(t.group == "small" for t in things) >= 2


def every_size(things):
    return small_ones(things) and len(things) >= 6 and len({t.group for t in things}) == 3


if __name__ == "__main__":
    demo = sys.argv[1]
    make(f"{demo}/benchmark", f"{demo}/benchmark/questions.json", SEED, PICTURES, small_ones, 85)
    make(f"{demo}/pictures", f"{demo}/questions.json", SEED + 10_000_000, 12, every_size, 92)
