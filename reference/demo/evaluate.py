"""Scores an exported checkpoint on the benchmark with transformers: no crop, human crop, random crop, rel-att crop, and
where the attention lies.

    python evaluate.py MODEL_FOLDER BENCHMARK_FOLDER [--limit N] [--layers 1,2]
"""

import argparse
import json

import numpy as np
import torch
from PIL import Image
from transformers import AutoTokenizer, CLIPImageProcessor, LlavaForConditionalGeneration

from questions import GENERAL
from scenes import GRID, PICTURE, VIEW, WINDOWS

P = GRID * GRID


class Model:
    def __init__(self, folder):
        self.model = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        self.tokenizer, self.processor = AutoTokenizer.from_pretrained(folder), CLIPImageProcessor.from_pretrained(folder)

    def inputs(self, pictures, question):
        text = "<image>" * P * len(pictures) + f"\nUSER: {question} Answer the question using a single word or phrase.\nASSISTANT:"
        return {
            "input_ids": self.tokenizer(text, return_tensors="pt").input_ids,
            "pixel_values": self.processor(pictures, return_tensors="pt")["pixel_values"],
        }

    @torch.no_grad()
    def answer(self, pictures, question):
        inputs = self.inputs(pictures, question)
        new = self.model.generate(**inputs, max_new_tokens=20, do_sample=False)[0, inputs["input_ids"].shape[1] :]
        return self.tokenizer.decode(new, skip_special_tokens=True)

    @torch.no_grad()
    def attention(self, picture, question):
        """[layers, P]: the last prompt position's attention to the picture, mean over heads."""
        rows = self.model(**self.inputs([picture], question), output_attentions=True).attentions
        return torch.stack([a[0, :, -1, 1 : 1 + P].mean(0) for a in rows]).numpy()


def human_crop(box):
    """The smallest square that holds the box, but no smaller than the model's input, pushed inside the picture."""
    side = max(VIEW, box["width"], box["height"])
    x, y = (min(max(0, box[a] + box[s] / 2 - side / 2), PICTURE - side) for a, s in (("x", "width"), ("y", "height")))
    return round(x), round(y), round(x) + side, round(y) + side


def random_crop(rng, side):
    x, y = rng.integers(0, PICTURE - side + 1, 2)
    return int(x), int(y), int(x) + side, int(y) + side


def chosen_crop(importance):
    """The paper's choice: per size the best window, then the size that stands out most."""
    values = importance.reshape(GRID, GRID)
    best = None
    for window in WINDOWS:
        cells = int(window / (PICTURE / GRID))
        sums = np.lib.stride_tricks.sliding_window_view(values, (cells, cells)).sum((2, 3))
        y, x = np.unravel_index(sums.argmax(), sums.shape)
        around = [sums[b, a] for b, a in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)) if 0 <= b < len(sums) and 0 <= a < len(sums)]
        stands_out = (sums[y, x] - np.mean(around)) / cells**2
        if best is None or stands_out > best[0]:
            best = stands_out, (x + cells / 2) * PICTURE / GRID, (y + cells / 2) * PICTURE / GRID, window
    _, x, y, side = best
    x, y = (int(min(max(side // 2, int(v)), PICTURE - side // 2)) for v in (x, y))
    return x - side // 2, y - side // 2, x + side // 2, y + side // 2


def cells_of(box):
    """The share of each cell that the box covers: [P]."""
    edges = np.arange(GRID + 1) * PICTURE / GRID
    across = np.clip(np.minimum(edges[1:], box["x"] + box["width"]) - np.maximum(edges[:-1], box["x"]), 0, None)
    down = np.clip(np.minimum(edges[1:], box["y"] + box["height"]) - np.maximum(edges[:-1], box["y"]), 0, None)
    return np.outer(down, across).reshape(-1)


def holds(crop, box):
    return crop[0] <= box["x"] and crop[1] <= box["y"] and crop[2] >= box["x"] + box["width"] and crop[3] >= box["y"] + box["height"]


def attention_ratio(importance, box):
    """Share inside the box over the mean for all boxes of its size (whole cells)."""
    cell = PICTURE / GRID
    x0, y0 = int(box["x"] / cell), int(box["y"] / cell)
    w, h = int(np.ceil((box["x"] + box["width"]) / cell)) - x0, int(np.ceil((box["y"] + box["height"]) / cell)) - y0
    sums = np.lib.stride_tricks.sliding_window_view(importance.reshape(GRID, GRID), (h, w)).sum((2, 3))
    return sums[min(y0, len(sums) - 1), min(x0, len(sums[0]) - 1)] / sums.mean()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("model"), p.add_argument("benchmark")
    p.add_argument("--limit", type=int, default=10**9), p.add_argument("--layers", default="")
    p.add_argument("--out", help="write one line of JSON per question here")
    args = p.parse_args()
    torch.set_num_threads(1)
    model, rng = Model(args.model), np.random.default_rng(0)
    with open(f"{args.benchmark}/questions.json") as file:
        questions = json.load(file)[: args.limit]
    general, rows = {}, []
    for q in questions:
        picture = Image.open(f"{args.benchmark}/{q['picture']}").convert("RGB")
        ask = lambda crop: model.answer([picture] + ([picture.crop(crop)] if crop else []), q["question"]).lower() == q["answer"].lower()
        row = {"family": q["family"], "size": q["size"], "none": ask(None)}
        rows.append(row)
        if q["box"] is None:
            continue
        if q["picture"] not in general:
            general[q["picture"]] = model.attention(picture, GENERAL)
        attention = model.attention(picture, q["question"])
        relative = attention / np.maximum(general[q["picture"]], 1e-8)
        layers = [int(n) for n in args.layers.split(",")] if args.layers else list(range(len(attention)))
        human = human_crop(q["box"])
        chosen = chosen_crop(relative[layers].mean(0))
        row |= {"human": ask(human), "random": ask(random_crop(rng, human[2] - human[0])), "rel-att": ask(chosen), "holds": holds(chosen, q["box"])}
        cells = cells_of(q["box"])
        for n, (a, r) in enumerate(zip(attention, relative)):
            row |= {f"mass{n}": float(a.sum()), f"peak{n}": bool(cells[a.argmax()] > 0), f"relpeak{n}": bool(cells[r.argmax()] > 0), f"ratio{n}": float(attention_ratio(r, q["box"]))}
    report(rows)
    if args.out:
        with open(args.out, "w") as file:
            file.writelines(json.dumps(r) + "\n" for r in rows)


def report(rows):
    layers = sum(k.startswith("mass") for k in rows[0])
    for family in ("read", "colour", "shape", "exists"):
        for size in ("small", "medium", "large", None):
            some = [r for r in rows if r["family"] == family and r["size"] == size]
            if not some:
                continue
            mean = lambda k: np.mean([r[k] for r in some])
            line = f"{family:7} {size or 'absent':7} {len(some):4}  none {mean('none'):.3f}"
            if size:
                line += f"  human {mean('human'):.3f}  random {mean('random'):.3f}  rel-att {mean('rel-att'):.3f} (holds the thing {mean('holds'):.3f})"
            print(line)
            if family == "read" and size:
                for n in range(layers):
                    print(f"      layer {n}: attention to the picture {mean(f'mass{n}'):.2f}, peak on target {mean(f'peak{n}'):.3f}, relative peak {mean(f'relpeak{n}'):.3f}, attention ratio {mean(f'ratio{n}'):.2f}")


if __name__ == "__main__":
    main()
