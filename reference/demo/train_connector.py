"""Fits the projector to the symbols, then trains it with the language model on the frozen tower's features.

    python train_connector.py POOL FEATURES LANGUAGE.pt OUT.pt STEPS     goes on from OUT.pt if it is there
"""

import argparse
import os
import time

import numpy as np
import torch

from checkpoints import EVERY, course, resume, save
from optimise import Optimiser
from pack import collate, pack
from pool import load_scenes
from questions import MIXED
from speaker import Speaker, choose_questions, score
from symbols import symbolic


class Features:
    """Scenes of the pool with the features of their views, cached by features.py."""

    def __init__(self, pool: str, folder: str):
        self.parts = []
        for name in sorted(f[:-4] for f in os.listdir(folder) if f.endswith(".npy") and "tmp" not in f):
            labels, found = np.load(f"{pool}/{name}-labels.npy"), np.load(f"{folder}/{name}.npy", mmap_mode="r")
            self.parts.append((load_scenes(f"{pool}/{name}"), labels, found))

    def views(self, rng, count: int):
        """Features [count, P, V] and labels [count, 5, P] of single views."""
        _, labels, found = self.parts[rng.integers(len(self.parts))]
        n, v = rng.integers(0, len(labels), count), rng.integers(0, labels.shape[1], count)
        return torch.from_numpy(found[n, v]).float(), torch.from_numpy(labels[n, v])

    def batch(self, rng, args):
        """Features [B, I, P, V], packed questions, and which can be answered by reading."""
        images = 2 if rng.random() < args.two else 1
        blind = rng.random() < args.blind
        features, packs, readable = [], [], []
        for _ in range(args.batch):
            scenes, _, found = self.parts[rng.integers(len(self.parts))]
            n = int(rng.integers(len(scenes)))
            views = [0] + [int(rng.integers(1, found.shape[1]))] * (images - 1)
            scene, windows = scenes[n]
            questions, can = choose_questions(rng, scene, [windows[v] for v in views], args.questions, MIXED)
            features.append(found[n, views])
            packs.append(pack(questions, images, blind))
            readable.append(can)
        return torch.from_numpy(np.array(features)).float(), collate(packs), readable


def align(speaker: Speaker, features: Features, rng, steps: int = 1000, rate: float = 3e-3) -> None:
    """The projector alone: each patch toward the sum of the words for what it shows."""
    sample, _ = features.views(rng, 400)
    speaker.projector.measure(sample.flatten(0, 1))
    optimiser = torch.optim.AdamW(speaker.projector.parameters(), lr=rate, betas=(0.9, 0.97))
    embedding = speaker.language.embed_tokens.weight.detach()
    for step in range(steps):
        found, labels = features.views(rng, 48)
        target = symbolic(labels, embedding, 0.0)
        weight = (labels[:, 0] > 0) + 0.15
        loss = ((speaker.projector(found) - target).pow(2).sum(-1) * weight).sum() / weight.sum()
        loss.backward()
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1, 2 * (1 - step / steps) + 0.02)
        optimiser.step()
        optimiser.zero_grad()
        if (step + 1) % 100 == 0:
            print(f"align {step + 1} loss {loss.item():.3f}", flush=True)


def main():
    p = argparse.ArgumentParser()
    for name in ("pool", "features", "language", "out"):
        p.add_argument(name)
    p.add_argument("steps", type=int)
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--questions", type=int, default=16, help="about each picture")
    p.add_argument("--two", type=float, default=0.5, help="share of batches with a second picture")
    p.add_argument("--blind", type=float, default=0.2, help="share where the question's words do not see the picture")
    p.add_argument("--rate", type=float, default=0.5)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    speaker, features = Speaker(), Features(args.pool, args.features)
    speaker.load_state_dict(torch.load(args.language)["model"])
    if not os.path.exists(args.out):
        align(speaker, features, np.random.default_rng(0))
    optimiser = Optimiser(speaker, rate=args.rate)
    begun = resume(args.out, speaker, optimiser)
    rng = np.random.default_rng(begun)
    sums, start = [], time.time()
    for step in range(begun, args.steps):
        found, packed, readable = features.batch(rng, args)
        with torch.autocast("cpu", torch.bfloat16):
            states = speaker(speaker.projector(found.flatten(1, 2)), packed)
            loss, right = score(speaker, states, packed, readable)
        loss.backward()
        optimiser.step(course(step, args.steps, flat=0.8))
        sums.append([loss.item(), right])
        if (step + 1) % 25 == 0:
            m = np.nanmean(sums, 0)
            print(f"{time.time() - start:.0f}s step {step + 1} loss {m[0]:.3f} readable {m[1]:.3f}", flush=True)
            sums = []
        if (step + 1) % EVERY == 0 or step + 1 == args.steps:
            save(args.out, speaker, optimiser, step + 1)


if __name__ == "__main__":
    main()
