"""Writes the checkpoint as transformers writes a LLaVA, and checks that transformers computes the same from it.

    python export.py VISION.pt LANGUAGE.pt FOLDER
"""

import json
import os
import sys

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import (
    AutoTokenizer,
    CLIPImageProcessor,
    CLIPVisionConfig,
    GenerationConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
)

from model import LANGUAGE, MEAN, STD, VISION, VisionTower, pixels
from scenes import PATCH, VIEW
from tokenizer import BOS, BOS_ID, EOS, EOS_ID, IMAGE, IMAGE_ID, PAD, PAD_ID, TOKENIZER, UNK, VOCABULARY, prompt
from speaker import Speaker


def config() -> LlavaConfig:
    vision = CLIPVisionConfig(
        hidden_size=VISION["width"],
        intermediate_size=VISION["inner"],
        num_attention_heads=VISION["heads"],
        num_hidden_layers=VISION["layers"] + 1,
        image_size=VIEW,
        patch_size=PATCH,
        projection_dim=VISION["width"],
        hidden_act="quick_gelu",
    )
    text = LlamaConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=LANGUAGE["width"],
        intermediate_size=LANGUAGE["inner"],
        num_attention_heads=LANGUAGE["heads"],
        num_key_value_heads=LANGUAGE["heads"],
        num_hidden_layers=LANGUAGE["layers"],
        max_position_embeddings=1024,
        rope_parameters={"rope_type": "default", "rope_theta": LANGUAGE["theta"]},
        rms_norm_eps=LANGUAGE["eps"],
        tie_word_embeddings=True,
        bos_token_id=BOS_ID,
        eos_token_id=EOS_ID,
        pad_token_id=PAD_ID,
    )
    return LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=IMAGE_ID,
        image_seq_length=(VIEW // PATCH) ** 2,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        projector_hidden_act="gelu",
        multimodal_projector_bias=True,
        tie_word_embeddings=True,
    )


def weights(tower: VisionTower, speaker: Speaker, into: LlavaForConditionalGeneration) -> None:
    state = {}
    for name, value in tower.state_dict().items():
        if name == "patch_embedding.weight":
            name = "embeddings.patch_embedding.weight"
        elif name in ("class_embedding", "position_embedding"):
            name = "embeddings." + name + (".weight" if name.startswith("position") else "")
        elif name.startswith("layers."):
            name = "encoder." + name
        state[f"model.vision_tower.{name}"] = value
    state |= {f"model.multi_modal_projector.{k}": v for k, v in speaker.projector.folded().items()}
    state |= {f"model.language_model.{k}": v for k, v in speaker.language.state_dict().items()}
    wanted = {k: v.shape for k, v in into.state_dict().items()}
    if not any(k.startswith("model.vision_tower.encoder") for k in wanted):
        state = {k.replace("vision_tower.", "vision_tower.vision_model."): v for k, v in state.items()}
    result = into.load_state_dict(state, strict=False)
    assert not result.unexpected_keys, result.unexpected_keys
    spare = [k for k in result.missing_keys if f"layers.{VISION['layers']}." not in k and "post_layernorm" not in k and "lm_head" not in k and "position_ids" not in k]
    assert not spare, spare
    into.tie_weights()


def own_logits(tower, speaker, views: np.ndarray, ids: list[int]) -> torch.Tensor:
    """The same prompt through the training code: logits at the last place."""
    with torch.no_grad():
        images = speaker.projector(tower(pixels(torch.from_numpy(views)))).flatten(0, 1)[None]
        x = speaker.language.embed_tokens(torch.tensor([ids]))
        at = [n for n, i in enumerate(ids) if i == IMAGE_ID]
        x[0, at] = images[0]
        length = len(ids)
        mask = torch.zeros(length, length).masked_fill(~torch.ones(length, length).bool().tril(), -1e9)
        return speaker.language.logits(speaker.language(x, torch.arange(length)[None], mask[None, None]))[0, -1]


def processor() -> CLIPImageProcessor:
    return CLIPImageProcessor(
        size={"height": VIEW, "width": VIEW}, do_center_crop=False, do_convert_rgb=True,
        image_mean=[MEAN] * 3, image_std=[STD] * 3, resample=3,
    )  # fmt: skip


def part(state: dict, *prefixes: str) -> dict:
    return {k.removeprefix(p): v for k, v in state.items() for p in prefixes if k.startswith(p)}


def load(vision_path: str, language_path: str):
    """From the files of train_vision.py and train_connector.py, or both from the one of train_joint.py."""
    tower, speaker = VisionTower(**VISION), Speaker()
    seen, said = (torch.load(path)["model"] for path in (vision_path, language_path))
    tower.load_state_dict(part(seen, "tower.", "taught.tower."))
    speaker.load_state_dict(part(said, "speaker.") or said)
    return tower.eval(), speaker.eval()


def main(vision_path: str, language_path: str, folder: str) -> None:
    torch.manual_seed(0)
    tower, speaker = load(vision_path, language_path)
    model = LlavaForConditionalGeneration(config()).eval()
    weights(tower, speaker, model)
    model.generation_config = GenerationConfig(bos_token_id=BOS_ID, eos_token_id=EOS_ID, pad_token_id=PAD_ID, max_new_tokens=24, do_sample=False)
    model.half().save_pretrained(folder)
    as_published(folder)
    processor().save_pretrained(folder)
    write_json(folder + "/processor_config.json", processor_config())
    TOKENIZER.save(folder + "/tokenizer.json")
    write_json(folder + "/tokenizer_config.json", tokenizer_config())
    check(tower, speaker, folder)


def as_published(folder: str) -> None:
    """The names that published LLaVA checkpoints have, so that older readers find them too."""
    path = folder + "/model.safetensors"
    tensors = {k.replace("vision_tower.", "vision_tower.vision_model.") if "vision_model" not in k else k: v for k, v in load_file(path).items()}
    save_file(tensors, path, {"format": "pt"})
    os.chmod(path, 0o644)
    with open(folder + "/config.json") as file:
        settings = json.load(file)
    settings["text_config"]["rope_theta"] = LANGUAGE["theta"]
    settings["text_config"]["tie_word_embeddings"] = True
    write_json(folder + "/config.json", settings)


def processor_config() -> dict:
    """What LlavaProcessor takes to put a picture's tokens into a prompt."""
    return {
        "image_token": "<image>",
        "num_additional_image_tokens": 1,
        "patch_size": PATCH,
        "processor_class": "LlavaProcessor",
        "vision_feature_select_strategy": "default",
    }


def tokenizer_config() -> dict:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BOS,
        "eos_token": EOS,
        "unk_token": UNK,
        "pad_token": PAD,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1024,
    }


def write_json(path: str, value: dict) -> None:
    with open(path, "w") as file:
        json.dump(value, file, indent=2)
        file.write("\n")


def check(tower, speaker, folder: str) -> None:
    model = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rng = np.random.default_rng(0)
    views = rng.integers(0, 255, (2, VIEW, VIEW, 3), np.uint8)
    P = (VIEW // PATCH) ** 2
    text = prompt("What letter is on the red circle?", 2).replace(IMAGE, IMAGE * P)
    ids = tokenizer(text).input_ids
    assert ids[0] == BOS_ID and ids.count(IMAGE_ID) == 2 * P, ids
    with torch.no_grad():
        theirs = model(input_ids=torch.tensor([ids]), pixel_values=pixels(torch.from_numpy(views))).logits[0, -1]
    ours = own_logits(tower, speaker, views, ids)
    print(f"largest logit {ours.abs().max():.3f}, largest difference from transformers on float16 weights {(theirs - ours).abs().max():.4f}")
    assert (theirs - ours).abs().max() < 0.05 * ours.abs().max()
    AutoTokenizer.from_pretrained(folder)
    assert Tokenizer.from_file(folder + "/tokenizer.json").decode(ids[-12:], skip_special_tokens=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
