"""Training that can be stopped and run again: steps are counted over all runs, and so is the learning rate's course."""

import os

import torch

EVERY = 100  # steps between two saves


def resume(path: str, model, optimiser) -> int:
    """Loads what an earlier run left, if it left something, and says how many steps were done."""
    if not os.path.exists(path):
        return 0
    kept = torch.load(path)
    model.load_state_dict(kept["model"])
    optimiser.load_state_dict(kept["optimiser"])
    return kept["steps"]


def save(path: str, model, optimiser, steps: int) -> None:
    torch.save({"model": model.state_dict(), "optimiser": optimiser.state_dict(), "steps": steps}, path + ".tmp")
    os.replace(path + ".tmp", path)


def course(step: int, steps: int, warm: int = 100, flat: float = 0.5) -> float:
    """The learning rate as a share of its peak: a short rise, level until `flat` of the way, then down to a twentieth."""
    rise = min(1.0, (step + 1) / warm)
    fall = min(1.0, max(0.05, (1 - step / steps) / (1 - flat)))
    return rise * fall
