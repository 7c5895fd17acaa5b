"""Teaches the language model to answer, first on symbolic pictures, then on the vision tower's cached features.

    python train_language.py OUT SECONDS [--features FOLDER] ...     goes on from OUT if it is there
"""

import argparse
import os
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from model import LanguageModel, Projector
from optimise import Optimiser
from pack import collate, pack
from pool import load_scenes
from questions import description, random_question
from scenes import CHARACTERS, PICTURE, patch_labels, random_scene, random_window
from symbols import symbolic
from tokenizer import VOCABULARY

WHOLE = (0, 0, PICTURE)
READABLE = 45  # tenths of a pixel, glyph height in a view


class Speaker(nn.Module):
    """Projector and language model: what is trained here."""

    def __init__(self):
        super().__init__()
        self.projector, self.language = Projector(), LanguageModel(len(VOCABULARY))

    def forward(self, images: torch.Tensor, packed):
        """images [B, I * P, W] already in the language model's space -> states [B, T, W]."""
        ids, places, _, mask, _ = packed
        x = self.language.embed_tokens(ids)
        x = torch.cat([x[:, :1], images.to(x.dtype), x[:, 1 + images.shape[1] :]], 1)
        return self.language(x, places, mask.to(torch.bfloat16) if torch.is_autocast_enabled("cpu") else mask)


def choose_questions(rng, things, views, count):
    """`views`: the labels of each view. Things that can be read in one of them are asked about more often."""
    seen = [int(l[3][l[2] == 1 + _character(t)].max(initial=0)) for t in things for l in [np.concatenate(views, 1)]]
    weight = np.array([1.0 if s >= READABLE else 0.4 for s in seen])
    if len(views) > 1:
        inside = np.array([(views[1][2] == 1 + _character(t)).any() for t in things])
        weight = weight * np.where(inside, 3.0, 1.0)
    weight = weight / weight.sum()
    picked = rng.choice(len(things), count, p=weight)
    questions = [random_question(things, rng, int(n)) for n in picked]
    if rng.random() < 0.5:
        questions[-1] = description(things)
    return questions, [q.family == "read" and seen[q.thing] >= READABLE for q in questions]


def _character(thing):
    return CHARACTERS.index(thing.character)


def symbolic_batch(rng, args, size, progress):
    """One batch of scenes, their views' labels and questions: all with the same number of images."""
    images = 2 if rng.random() < args.two * progress else 1
    labels, packs, readable = [], [], []
    blind = rng.random() < args.blind
    for _ in range(size):
        things = random_scene(rng, "big" if rng.random() < args.big + (1 - args.big) * (1 - progress) else "mixed")
        windows = [WHOLE] + [random_window(rng, things, 0.9)] * (images - 1)
        views = [patch_labels(things, w) for w in windows]
        questions, can = choose_questions(rng, things, views, args.questions)
        labels.append(views), packs.append(pack(questions, images, blind)), readable.append(can)
    return torch.from_numpy(np.array(labels)), collate(packs), readable


class Features:
    """Scenes of the pool with the features of their views, cached by features.py."""

    def __init__(self, pool: str, folder: str):
        self.parts = []
        for name in sorted(f[:-4] for f in os.listdir(folder) if f.endswith(".npy") and "tmp" not in f):
            path = f"{pool}/{name}"
            self.parts.append((load_scenes(path), np.load(path + "-labels.npy"), np.load(f"{folder}/{name}.npy", mmap_mode="r")))

    def batch(self, rng, args, size):
        """As symbolic_batch, with features [B, I, P, V] before the labels."""
        images = 2 if rng.random() < args.two else 1
        blind = rng.random() < args.blind
        found, labels, packs, readable = [], [], [], []
        for _ in range(size):
            scenes, all_labels, features = self.parts[rng.integers(len(self.parts))]
            n = int(rng.integers(len(scenes)))
            views = [0] + [int(rng.integers(1, features.shape[1]))] * (images - 1)
            seen = [all_labels[n, v] for v in views]
            questions, can = choose_questions(rng, scenes[n]["things"], seen, args.questions)
            found.append(features[n, views]), labels.append(seen), packs.append(pack(questions, images, blind)), readable.append(can)
        return torch.from_numpy(np.array(found)).float(), torch.from_numpy(np.array(labels)), collate(packs), readable


def align(model, features: Features, rng, steps: int):
    """The projector alone: each patch toward the sum of the words for what it shows."""
    _, _, found = features.parts[0]
    model.projector.measure(torch.from_numpy(found[:100].reshape(-1, found.shape[-1])).float())
    optimiser = torch.optim.AdamW(model.projector.parameters(), lr=3e-3, betas=(0.9, 0.97))
    embedding = model.language.embed_tokens.weight.detach()
    start = time.time()
    for step in range(steps):
        _, labels, found = features.parts[rng.integers(len(features.parts))]
        n, v = rng.integers(0, len(labels), 48), rng.integers(0, labels.shape[1], 48)
        target = symbolic(torch.from_numpy(labels[n, v]), embedding, 0.0)
        loss = (model.projector(torch.from_numpy(found[n, v]).float()) - target).pow(2).sum(-1)
        weight = torch.from_numpy(labels[n, v][:, 0] > 0) + 0.15
        loss = (loss * weight).sum() / weight.sum()
        optimiser.zero_grad(), loss.backward()
        for group in optimiser.param_groups:
            group["lr"] = 3e-3 * min(1, 2 * (1 - step / steps) + 0.02)
        optimiser.step()
        if step % 50 == 49:
            print(f"align {step + 1} {time.time() - start:.0f}s loss {loss.item():.4f} of {(target.pow(2).sum(-1) * weight).sum() / weight.sum():.4f}", flush=True)


def score(model, states, packed, readable):
    """Loss over the answers' tokens; share of right first tokens among readable read-questions."""
    targets = packed[2]
    at = targets >= 0
    logits = model.language.logits(states[at])
    loss = F.cross_entropy(logits, targets[at])
    rows = [(b, a) for b, asks in enumerate(packed[4]) for a, can in zip(asks, readable[b]) if can]
    if not rows:
        return loss, float("nan")
    b, a = torch.tensor(rows).T
    guess = model.language.logits(states[b, a]).argmax(-1)
    return loss, (guess == targets[b, a]).float().mean().item()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("out"), p.add_argument("seconds", type=float)
    p.add_argument("--batch", type=int, default=16), p.add_argument("--questions", type=int, default=16)
    p.add_argument("--rate", type=float, default=1.0), p.add_argument("--seed", type=int, default=int(time.time()))
    p.add_argument("--noise", type=float, default=0.4), p.add_argument("--blind", type=float, default=0.8)
    p.add_argument("--two", type=float, default=0.5), p.add_argument("--big", type=float, default=0.2)
    p.add_argument("--ramp", type=float, default=300, help="seconds until the full mixture of pictures")
    p.add_argument("--pool"), p.add_argument("--features", help="train on these, not on symbols")
    p.add_argument("--align", type=int, default=0, help="steps of the projector alone, first")
    p.add_argument("--start", help="the weights to begin with where OUT is not there yet")
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    model, begun = Speaker(), 0
    if args.start and not os.path.exists(args.out):
        model.load_state_dict(torch.load(args.start)["model"])
    features = Features(args.pool, args.features) if args.features else None
    if args.align and not os.path.exists(args.out):
        align(model, features, rng, args.align)
    optimiser = Optimiser(model if features else model.language, rate=args.rate)
    if os.path.exists(args.out):
        kept = torch.load(args.out)
        model.load_state_dict(kept["model"]), optimiser.load_state_dict(kept["optimiser"])
        begun = kept["steps"]
    start, step, sums = time.time(), begun, []
    while (spent := time.time() - start) < args.seconds:
        if features:
            found, _, packed, readable = features.batch(rng, args, args.batch)
        else:
            labels, packed, readable = symbolic_batch(rng, args, args.batch, min(1, spent / (args.ramp + 1e-9)))
        with torch.autocast("cpu", torch.bfloat16):
            if features:
                images = model.projector(found.flatten(1, 2))
            else:
                images = symbolic(labels.flatten(0, 1), model.language.embed_tokens.weight, args.noise)
                images = images.view(len(labels), -1, images.shape[-1])
            loss, right = score(model, model(images, packed), packed, readable)
        loss.backward()
        optimiser.step(min(1, (step + 1) / 100) * min(1, max(0.05, 1.1 - spent / args.seconds) / 0.6))
        step += 1
        sums.append([loss.item(), right, packed[0].shape[1]])
        if step % 25 == 0:
            m = np.nanmean(sums, 0)
            print(f"step {step} {time.time() - start:.0f}s loss {m[0]:.3f} readable {m[1]:.3f} length {m[2]:.0f}", flush=True)
            sums = []
        if step % 100 == 0:
            save(args.out, model, optimiser, step)
    save(args.out, model, optimiser, step)


def save(path, model, optimiser, steps):
    torch.save({"model": model.state_dict(), "optimiser": optimiser.state_dict(), "steps": steps}, path + ".tmp")
    os.rename(path + ".tmp", path)


if __name__ == "__main__":
    main()
