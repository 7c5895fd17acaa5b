"""Runs the frozen vision tower over shards of the pool and keeps its features.

    python features.py POOL VISION.pt OUT KIND FIRST LAST
"""

import os
import sys

import numpy as np
import torch

from model import VISION, VisionTower, pixels


def load_tower(path: str) -> VisionTower:
    tower = VisionTower(**VISION)
    kept = torch.load(path)["model"]
    tower.load_state_dict({k.removeprefix("tower."): v for k, v in kept.items() if k.startswith("tower.")})
    return tower.eval()


def main(pool, vision, out, kind, first, last):
    torch.set_num_threads(1)
    os.makedirs(out, exist_ok=True)
    tower = load_tower(vision)
    for shard in range(int(first), int(last)):
        path = f"{out}/{kind}-{shard:03d}.npy"
        if os.path.exists(path):
            continue
        views = np.load(f"{pool}/{kind}-{shard:03d}-views.npy")
        flat = torch.from_numpy(views.reshape(-1, *views.shape[2:]))
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            parts = [tower(pixels(part)).half() for part in flat.split(100)]
        found = torch.cat(parts)
        np.save(path + ".tmp.npy", found.view(*views.shape[:2], *found.shape[1:]).numpy())
        os.rename(path + ".tmp.npy", path)
        print(path, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
