"""Teaches the vision tower densely: for each patch, the colour, shape and character of the thing under it.

    python train_vision.py POOL OUT SECONDS [--stage big|mixed|windows]     goes on from OUT if it is there
"""

import argparse
import os
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from model import VISION, VisionTower, pixels
from optimise import Optimiser
from pool import shards
from scenes import CHARACTERS, COLOURS, SHAPES

READABLE = 45  # tenths of a view pixel: smaller characters are not taught
KINDS = (len(COLOURS) + 1, len(SHAPES) + 1, len(CHARACTERS) + 1)


class Taught(nn.Module):
    def __init__(self):
        super().__init__()
        self.kinds = KINDS
        self.tower = VisionTower(**VISION)
        self.norm = nn.LayerNorm(VISION["width"])
        self.heads = nn.Linear(VISION["width"], sum(KINDS))

    def forward(self, views):
        return self.heads(self.norm(self.tower(pixels(views)))).split(KINDS, -1)


class Pool:
    """Draws views from the newest shards there are."""

    def __init__(self, folder: str):
        self.folder, self.open = folder, {}

    def draw(self, rng, kind: str, view: slice, count: int):
        paths = shards(self.folder, kind)
        path = paths[rng.integers(len(paths))]
        if path not in self.open:
            self.open[path] = (np.load(path + "-views.npy", mmap_mode="r"), np.load(path + "-labels.npy", mmap_mode="r"))
        views, labels = self.open[path]
        n, v = rng.integers(0, len(views), count), rng.integers(view.start, view.stop, count)
        return views[n, v], labels[n, v]

    def batch(self, rng, stage: str, size: int):
        parts = {"big": [("big", slice(0, 1), 1.0)], "mixed": [("big", slice(0, 2), 0.3), ("mixed", slice(0, 1), 0.3), ("mixed", slice(1, 4), 0.4)]}[stage]
        drawn = [self.draw(rng, kind, view, round(size * share / 4)) for kind, view, share in parts for _ in range(4)]
        views = np.concatenate([d[0] for d in drawn])
        labels = np.concatenate([d[1] for d in drawn])
        for n in range(len(views)):  # cheap variety: shift by whole patches is not needed, brightness is
            views[n] = np.clip(views[n] * rng.uniform(0.85, 1.12), 0, 255)
        return torch.from_numpy(views), torch.from_numpy(labels).long()


def losses(out, labels):
    """Cross-entropy of colour, shape, character, and the share right on patches that show something."""
    total, right = 0.0, []
    shown, readable = labels[:, 0] > 0, labels[:, 3] >= READABLE
    for n, logits in enumerate(out):
        target = labels[:, n]
        where = readable if n == 2 else torch.ones_like(shown)
        # the background is most of a picture: weigh it down
        weight = torch.where(shown, 1.0, 0.15) * where
        loss = F.cross_entropy(logits.float().flatten(0, 1), target.flatten(), reduction="none")
        total = total + (loss * weight.flatten()).sum() / weight.sum().clamp(min=1)
        on = (shown & where)
        right.append((logits.argmax(-1) == target)[on].float().mean().item())
    return total, right


def main():
    p = argparse.ArgumentParser()
    p.add_argument("pool"), p.add_argument("out"), p.add_argument("seconds", type=float)
    p.add_argument("--stage", default="mixed"), p.add_argument("--batch", type=int, default=64)
    p.add_argument("--rate", type=float, default=1.0), p.add_argument("--seed", type=int, default=int(time.time()))
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    model, pool, begun = Taught(), Pool(args.pool), 0
    optimiser = Optimiser(model, rate=args.rate)
    if os.path.exists(args.out):
        kept = torch.load(args.out)
        model.load_state_dict(kept["model"]), optimiser.load_state_dict(kept["optimiser"])
        begun = kept["steps"]
    start, seen, step, sums = time.time(), 0, begun, []
    while time.time() - start < args.seconds:
        views, labels = pool.batch(rng, args.stage, args.batch)
        with torch.autocast("cpu", torch.bfloat16):
            loss, right = losses(model(views), labels)
        loss.backward()
        optimiser.step(min(1, (step + 1) / 100) * min(1, max(0.05, 1.1 - (time.time() - start) / args.seconds) / 0.6))
        step, seen = step + 1, seen + len(views)
        sums.append([loss.item(), *right])
        if step % 50 == 0:
            m = np.nanmean(sums, 0)
            print(f"{args.stage} step {step} {time.time() - start:.0f}s {seen / (time.time() - start):.0f}/s loss {m[0]:.3f} colour {m[1]:.3f} shape {m[2]:.3f} character {m[3]:.3f}", flush=True)
            sums = []
        if step % 200 == 0:
            save(args.out, model, optimiser, step)
    save(args.out, model, optimiser, step)


def save(path, model, optimiser, steps):
    torch.save({"model": model.state_dict(), "optimiser": optimiser.state_dict(), "steps": steps}, path + ".tmp")
    os.rename(path + ".tmp", path)


if __name__ == "__main__":
    main()
