"""The training pool: shards of rendered scenes, each seen whole and through three random windows.

    python pool.py FOLDER KIND FIRST LAST     KIND is `big`, `mixed` or `rich`; shards FIRST .. LAST-1 of 1,000 scenes
"""

import json
import os
import sys
from dataclasses import asdict

import numpy as np

from render import render, view
from scenes import Scene, Thing, patch_labels, random_scene, random_window

SCENES = 1000
VIEWS = 4  # the whole picture, then three windows
SEED = {"big": 10_000_000, "mixed": 20_000_000, "rich": 30_000_000}  # the test pictures' seeds start at 900,000,000 (benchmark.py)


def make_shard(folder: str, kind: str, shard: int) -> None:
    path = f"{folder}/{kind}-{shard:03d}"
    if os.path.exists(path + ".json"):
        return
    views, labels, scenes = [], [], []
    for n in range(SCENES):
        rng = np.random.default_rng(SEED[kind] + shard * SCENES + n)
        scene = random_scene(rng, kind)
        picture = render(scene, rng, rich=kind == "rich")
        windows = [scene.whole] + [random_window(rng, scene) for _ in range(VIEWS - 1)]
        views.append([view(picture, w) for w in windows])
        labels.append([patch_labels(scene, w) for w in windows])
        scenes.append({"scene": asdict(scene), "windows": windows})
    np.save(path + "-views.npy", np.array(views, np.uint8))
    np.save(path + "-labels.npy", np.array(labels, np.int16))
    with open(path + ".tmp", "w") as file:
        json.dump(scenes, file)
    os.rename(path + ".tmp", path + ".json")  # written last: the shard is whole


def shards(folder: str, kind: str) -> list[str]:
    return sorted(f"{folder}/{f[:-5]}" for f in os.listdir(folder) if f.startswith(kind) and f.endswith(".json"))


def load_scenes(path: str) -> list[tuple[Scene, list]]:
    """Each scene with its windows."""
    with open(path + ".json") as file:
        kept = json.load(file)
    return [(Scene(**one["scene"] | {"things": [Thing(**t) for t in one["scene"]["things"]]}), one["windows"]) for one in kept]


if __name__ == "__main__":
    folder, kind, first, last = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    os.makedirs(folder, exist_ok=True)
    for shard in range(first, last):
        make_shard(folder, kind, shard)
        print(kind, shard, flush=True)
