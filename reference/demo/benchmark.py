"""The held-out pictures and questions: demo/benchmark (many) and demo/pictures with demo/questions.json (a dozen).

    python benchmark.py DEMO_FOLDER
    python benchmark.py --validation FOLDER

The test pictures are for the last checkpoint alone. Whatever is chosen between (checkpoints, learning rates, layers) is
chosen on the validation pictures, which are others and not in the repository. Their questions have the same templates.
"""

import json
import os
import sys

import numpy as np

from questions import ASK
from render import render
from scenes import random_scene

# No training seed reaches them (pool.py).
VALIDATION_SEED, EXAMPLES_SEED, TEST_SEED = 900_000_000, 910_000_000, 920_000_000
PICTURES = 270
READ = {"small": 4, "medium": 2, "large": 2}  # things of a picture whose character is asked for, at most
OTHERS = 2


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
    """Some things of each size read, and two questions of other families, in words not trained on."""
    groups = {g: [n for n, t in enumerate(things) if t.group == g] for g in READ}
    chosen = [n for g, count in READ.items() for n in rng.permutation(groups[g])[:count]]
    out = [ASK["read"](things, int(n), rng, held_out=True) for n in chosen]
    for other in rng.permutation(["colour", "shape", "exists"])[:OTHERS]:
        out.append(ASK[str(other)](things, int(rng.integers(len(things))), rng, held_out=True))
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
    *validation, folder = sys.argv[1:]
    if validation:
        make(folder, f"{folder}/questions.json", VALIDATION_SEED, PICTURES, small_ones, 85)
    else:
        make(f"{folder}/benchmark", f"{folder}/benchmark/questions.json", TEST_SEED, PICTURES, small_ones, 85)
        make(f"{folder}/pictures", f"{folder}/questions.json", EXAMPLES_SEED, 12, every_size, 92)
