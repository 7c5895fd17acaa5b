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

from questions import ASK, HELD_OUT, OWN
from render import render
from scenes import Scene, joined, random_scene

# No training seed reaches them (pool.py).
VALIDATION_SEED, EXAMPLES_SEED, TEST_SEED = 900_000_000, 930_000_000, 940_000_000
PICTURES = 280
READ = {"small": 4, "medium": 1, "large": 1}  # texts of a picture that are asked for, at most
OTHERS = [f for f in ASK if f != "read"]
OWN_WORDS = 0.15  # share of questions in words that no training question has


def record(name: str, scene: Scene, q, own: bool) -> dict:
    found = joined([scene.things[n].body for n in q.things]) if q.things else None
    x, y, width, height = found or (0, 0, 0, 0)
    left, top = int(np.floor(x)), int(np.floor(y))
    box = {"x": left, "y": top, "width": int(np.ceil(x + width)) - left, "height": int(np.ceil(y + height)) - top}
    return {
        "picture": name,
        "question": q.text,
        "answer": q.answer,
        "box": box if found else None,
        "S": round(scene.share(found), 5) if found else None,
        "size": scene.group(found) if found else None,
        "family": q.family,
        "words": "own" if own else "held out",
    }


def ask(name: str, scene: Scene, rng) -> list[dict]:
    """Some texts of each size read, and three questions of other families, in words not trained on."""
    by_size = {g: [n for n in scene.asked if scene.group(scene.things[n].body) == g] for g in READ}
    chosen = [("read", n) for g, count in READ.items() for n in rng.permutation(by_size[g])[:count]]
    things = [n for n in scene.asked if not scene.things[n].is_row]
    chosen += [(f, rng.choice(things)) for f in rng.permutation(OTHERS)[:3]]
    out = []
    for family, n in chosen:
        own = rng.random() < OWN_WORDS
        asked = record(name, scene, ASK[str(family)](scene, int(n), rng, OWN if own else HELD_OUT), own)
        if asked["question"] not in [before["question"] for before in out]:
            out.append(asked)
    return out


def make(folder, questions_path, first_seed, count, wanted, quality):
    os.makedirs(folder, exist_ok=True)
    records, seed, made = [], first_seed, 0
    while made < count:
        rng = np.random.default_rng(seed)
        seed += 1
        scene = random_scene(rng)
        if not wanted(scene):
            continue
        name = f"{made:03d}.webp"
        render(scene, rng).save(f"{folder}/{name}", quality=quality, method=6)
        records += ask(name, scene, rng)
        made += 1
    with open(questions_path, "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(r) for r in records) + "\n]\n")
    print(questions_path, len(records), {g: sum(r["size"] == g for r in records) for g in ("small", "medium", "large")})


def small_ones(scene: Scene) -> bool:
    return sum(scene.group(scene.things[n].body) == "small" for n in scene.asked) >= 2 and any(not t.is_row for t in scene.things if t.text)


def every_size(scene: Scene) -> bool:
    groups = {scene.group(scene.things[n].body) for n in scene.asked}
    return small_ones(scene) and len(scene.asked) >= 6 and len(groups) == 3


if __name__ == "__main__":
    *validation, folder = sys.argv[1:]
    if validation:
        make(folder, f"{folder}/questions.json", VALIDATION_SEED, PICTURES, small_ones, 85)
    else:
        make(f"{folder}/benchmark", f"{folder}/benchmark/questions.json", TEST_SEED, PICTURES, small_ones, 85)
        make(f"{folder}/pictures", f"{folder}/questions.json", EXAMPLES_SEED, 12, every_size, 92)
