"""Teaches the language model to look things up, on symbolic pictures.

    python train_language.py OUT.pt STEPS     goes on from OUT.pt if it is there
"""

import argparse
import time

import numpy as np
import torch

from checkpoints import EVERY, course, resume, save
from optimise import Optimiser
from pack import collate, pack
from questions import MIXED, MOSTLY_READ
from scenes import patch_labels, random_scene, random_window
from speaker import Speaker, choose_questions, score
from symbols import symbolic


def batch(rng, args, progress: float):
    """Scenes as the labels of their views [B, I, 5, P], packed questions, and which can be answered by reading."""
    images = 2 if rng.random() < args.two * min(1, progress) else 1
    blind = rng.random() < args.blind
    labels, packs, readable = [], [], []
    for _ in range(args.batch):
        kind = "rich" if rng.random() < 0.9 * (progress - 1) else "big" if rng.random() < 1 - 0.8 * progress else "mixed"
        scene = random_scene(rng, kind)
        windows = [scene.whole] + [random_window(rng, scene, 0.9)] * (images - 1)
        questions, can = choose_questions(rng, scene, windows, args.questions, MIXED if kind == "rich" else MOSTLY_READ)
        labels.append([patch_labels(scene, w) for w in windows])
        packs.append(pack(questions, images, blind))
        readable.append(can)
    return torch.from_numpy(np.array(labels)), collate(packs), readable


def main():
    p = argparse.ArgumentParser()
    p.add_argument("out")
    p.add_argument("steps", type=int)
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--questions", type=int, default=16, help="about each picture")
    p.add_argument("--two", type=float, default=0.5, help="share of batches with a second picture")
    p.add_argument("--blind", type=float, default=0.8, help="share where the question's words do not see the picture")
    p.add_argument("--noise", type=float, default=0.4)
    p.add_argument("--rate", type=float, default=1.0)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    speaker = Speaker()
    optimiser = Optimiser(speaker.language, rate=args.rate)
    begun = resume(args.out, speaker, optimiser)
    rng = np.random.default_rng(begun)
    level, progress, sums, start = 0.0, 0.0, [], time.time()
    for step in range(begun, args.steps):
        labels, packed, readable = batch(rng, args, progress)
        with torch.autocast("cpu", torch.bfloat16):
            images = symbolic(labels.flatten(0, 1), speaker.language.embed_tokens.weight, args.noise)
            images = images.view(len(labels), -1, images.shape[-1])
            loss, right = score(speaker, speaker(images, packed), packed, readable)
        loss.backward()
        optimiser.step(course(step, args.steps, flat=0.8))
        level += 0.05 * (right - level) if right == right else 0
        if progress < 1:  # harder pictures as the easy ones are read
            progress = max(progress, min(1, (level - 0.6) / 0.3))
        else:  # then, in a hundred steps, rich ones with questions of every family
            progress = min(2, progress + 0.01)
        sums.append([loss.item(), right])
        if (step + 1) % 25 == 0:
            m = np.nanmean(sums, 0)
            print(f"{time.time() - start:.0f}s step {step + 1} loss {m[0]:.3f} readable {m[1]:.3f} progress {progress:.2f}", flush=True)
            sums = []
        if (step + 1) % EVERY == 0 or step + 1 == args.steps:
            save(args.out, speaker, optimiser, step + 1)


if __name__ == "__main__":
    main()
