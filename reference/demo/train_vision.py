"""Teaches the vision tower densely: for each patch, the colour, shape and character of the thing under it, and the
character's place in its text.

    python train_vision.py POOL OUT.pt STEPS     goes on from OUT.pt if it is there
"""

import argparse
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from checkpoints import EVERY, course, resume, save
from model import VISION, VisionTower, pixels
from optimise import Optimiser
from pool import shards
from symbols import CLASSES, SIZE

# Each stage's share of scenes by kind and view: 0 the whole picture, 1 to 3 the windows.
STAGES = {
    "big": [("big", slice(0, 1), 1.0)],
    "mixed": [("big", slice(0, 2), 0.3), ("mixed", slice(0, 1), 0.3), ("mixed", slice(1, 4), 0.4)],
    "rich": [("rich", slice(0, 1), 0.4), ("rich", slice(1, 4), 0.6)],
}
READABLE = 45  # tenths of a view pixel: smaller texts are not taught
KINDS = tuple(len(c) + 1 for c in CLASSES)


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
    """Draws views from whatever shards there are: rendering may still go on."""

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
        drawn = [self.draw(rng, kind, view, round(size * share / 4)) for kind, view, share in STAGES[stage] for _ in range(4)]
        views = np.concatenate([d[0] for d in drawn])
        labels = np.concatenate([d[1] for d in drawn])
        for n in range(len(views)):
            views[n] = np.clip(views[n] * rng.uniform(0.85, 1.12), 0, 255)
        return torch.from_numpy(views), torch.from_numpy(labels).long()


def losses(out, labels):
    """Cross-entropy of colour, shape, character, place, and the share right on patches that show something."""
    total, right = 0.0, []
    shown, readable = labels[:, 0] > 0, labels[:, SIZE] >= READABLE
    for n, logits in enumerate(out):
        target = labels[:, n]
        where = readable if n >= 2 else torch.ones_like(shown)
        weight = torch.where(shown, 1.0, 0.15) * where  # most of a picture is background
        loss = F.cross_entropy(logits.float().flatten(0, 1), target.flatten(), reduction="none")
        total = total + (loss * weight.flatten()).sum() / weight.sum().clamp(min=1)
        on = shown & where
        right.append((logits.argmax(-1) == target)[on].float().mean().item())
    return total, right


def main():
    p = argparse.ArgumentParser()
    p.add_argument("pool")
    p.add_argument("out")
    p.add_argument("steps", type=int)
    p.add_argument("--big", type=int, default=330, help="steps on large things, first")
    p.add_argument("--mixed", type=int, default=1200, help="steps on things of every size, then; the rest is on rich pictures")
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--rate", type=float, default=1.0)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model, pool = Taught(), Pool(args.pool)
    optimiser = Optimiser(model, rate=args.rate)
    begun = resume(args.out, model, optimiser)
    rng = np.random.default_rng(begun)
    start, sums = time.time(), []
    for step in range(begun, args.steps):
        stage = "big" if step < args.big else "mixed" if step < args.big + args.mixed else "rich"
        views, labels = pool.batch(rng, stage, args.batch)
        with torch.autocast("cpu", torch.bfloat16):
            loss, right = losses(model(views), labels)
        loss.backward()
        optimiser.step(course(step, args.steps))
        sums.append([loss.item(), *right])
        if (step + 1) % 50 == 0:
            m = np.nanmean(sums, 0)
            print(
                f"{time.time() - start:.0f}s {stage} step {step + 1} loss {m[0]:.3f} "
                f"colour {m[1]:.3f} shape {m[2]:.3f} character {m[3]:.3f} place {m[4]:.3f}",
                flush=True,
            )
            sums = []
        if (step + 1) % EVERY == 0 or step + 1 == args.steps:
            save(args.out, model, optimiser, step + 1)


if __name__ == "__main__":
    main()
