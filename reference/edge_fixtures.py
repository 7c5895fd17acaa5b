"""Edge masks of the paper's input gradient, from scipy and torchvision, which define the two filters.

    python reference/edge_fixtures.py      # test/fixtures/edges.json

The mask: a picture less its 3 x 3 Gaussian blur, L2 norm over channels, median filter (3 as in the paper, 7 as in the
official code), above the spatial median.
"""

import json
from pathlib import Path

import numpy as np

from fixtures.formulas import edge_mask

SIZES = [(12, 16), (15, 15), (7, 21)]  # height, width


def main() -> None:
    random = np.random.default_rng(7)
    cases = []
    for height, width in SIZES:
        picture = random.integers(0, 256, (3, height, width)).astype(np.float32) / 255
        picture[:, : height // 2, : width // 2] = picture[:, :1, :1]  # an even surface
        for median in (3, 7):
            mask = edge_mask(picture, median).astype(int).ravel().tolist()
            bytes_ = np.rint(picture * 255).astype(int).ravel().tolist()
            cases.append({"height": height, "width": width, "median": median, "bytes": bytes_, "mask": mask})
    path = Path(__file__).parents[1] / "test" / "fixtures" / "edges.json"
    path.write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    main()
