"""Muon for the matrices inside the layers, AdamW for everything else."""

import torch


class Optimiser:
    def __init__(self, model, rate: float = 1.0, muon: float = 0.01, adam: float = 2e-3):
        inside = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
        matrices = [p for n, p in inside if p.ndim == 2 and "layers." in n]
        others = [p for n, p in inside if not (p.ndim == 2 and "layers." in n)]
        self.parts = []
        if matrices:
            self.parts.append(torch.optim.Muon(matrices, lr=muon * rate, weight_decay=0.02, momentum=0.95, adjust_lr_fn="original"))
        self.parts.append(torch.optim.AdamW(others, lr=adam * rate, betas=(0.9, 0.97), weight_decay=0.01))
        self.base = [[g["lr"] for g in part.param_groups] for part in self.parts]
        self.parameters = [p for _, p in inside]

    def step(self, scale: float) -> None:
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for part, base in zip(self.parts, self.base):
            for group, rate in zip(part.param_groups, base):
                group["lr"] = rate * scale
            part.step()
            part.zero_grad()

    def state_dict(self):
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, states):
        for part, state in zip(self.parts, states):
            part.load_state_dict(state)
