"""What transformers computes from the exported checkpoint, for the tests to compare with.

    python fixture.py DEMO_FOLDER OUT.json

Per question: the prompt's ids, the logits where the answer starts, the attention of that place to the picture by layer (heads
averaged), and the answer; and the same ids, logits and answer with a crop."""

import json
import sys

import numpy as np
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoTokenizer, LlavaForConditionalGeneration

from scenes import GRID
from tokenizer import IMAGE, IMAGE_ID, prompt

P = GRID * GRID
CHOSEN = (0, 8, 20, 33, 47, 60)  # of the questions that have a box, about different pictures


class Reference:
    def __init__(self, folder: str):
        self.model = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.processor = AutoImageProcessor.from_pretrained(folder, backend="pil")

    @torch.no_grad()
    def run(self, pictures: list, question: str) -> dict:
        ids = self.tokenizer(prompt(question, len(pictures)).replace(IMAGE, IMAGE * P), return_tensors="pt").input_ids
        inputs = {"input_ids": ids, "pixel_values": self.processor(pictures, return_tensors="pt")["pixel_values"]}
        out = self.model(**inputs, output_attentions=True)
        first = ids[0].tolist().index(IMAGE_ID)
        rows = torch.stack([a[0, :, -1, first : first + P].mean(0) for a in out.attentions])
        new = self.model.generate(**inputs, max_new_tokens=20, do_sample=False)[0, ids.shape[1] :]
        return {
            "ids": [n for k, n in enumerate(ids[0].tolist()) if n != IMAGE_ID or ids[0][k - 1] != IMAGE_ID],
            "logits": rounded(out.logits[0, -1]),
            "attention": [rounded(row) for row in rows],
            "answer": self.tokenizer.decode(new, skip_special_tokens=True),
        }


def rounded(values: torch.Tensor) -> list[float]:
    return [float(f"{v:.6g}") for v in values.tolist()]


def main(demo: str, out: str) -> None:
    torch.set_num_threads(1)
    reference = Reference(demo + "/model")
    with open(demo + "/questions.json") as file:
        asked = [q for q in json.load(file) if q["box"]]
    found = []
    for q in (asked[n] for n in CHOSEN):
        picture = Image.open(f"{demo}/pictures/{q['picture']}").convert("RGB")
        side = 96
        x, y = (int(np.clip(q["box"][a] + q["box"][s] / 2 - side / 2, 0, whole - side)) for a, s, whole in (("x", "width", picture.width), ("y", "height", picture.height)))
        crop = picture.crop((x, y, x + side, y + side))
        plain, both = reference.run([picture], q["question"]), reference.run([picture, crop], q["question"])
        del both["attention"]
        found.append({"picture": q["picture"], "question": q["question"], "plain": plain, "crop": {"x": x, "y": y, "width": side, "height": side}, "withCrop": both})
    with open(out, "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(f) for f in found) + "\n]\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
