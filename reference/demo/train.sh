#!/bin/sh
# Trains the demo model from nothing, exports it, draws the benchmark and scores it.
#   PYTHON=python3 WORK=/tmp/vicrop-demo DEMO=../../demo ./train.sh
# Stop it at any time and run it again: every step goes on from what it left.
set -e
cd "$(dirname "$0")"
PYTHON=${PYTHON:-python3} WORK=${WORK:-/tmp/vicrop-demo} DEMO=${DEMO:-../../demo}
mkdir -p "$WORK"

# 1. Scenes, rendered: 34,000 pictures, each whole and through three random windows. 4 minutes.
$PYTHON pool.py "$WORK/pool" big 0 10
$PYTHON pool.py "$WORK/pool" mixed 0 24

# 2. The language model on symbolic pictures (5 minutes), beside
# 3. the vision tower, patch by patch: large things first, then every size (25 minutes).
$PYTHON train_language.py "$WORK/language.pt" 300 &
$PYTHON train_vision.py "$WORK/pool" "$WORK/vision.pt" 1800
wait

# 4. The projector, then the language model on what the tower really sees. 5 minutes.
$PYTHON features.py "$WORK/pool" "$WORK/vision.pt" "$WORK/features" mixed 8 14
$PYTHON features.py "$WORK/pool" "$WORK/vision.pt" "$WORK/features" big 1 2
$PYTHON train_connector.py "$WORK/pool" "$WORK/features" "$WORK/language.pt" "$WORK/connector.pt" 100

# 5. All of it together, two processes. 40 to 60 minutes.
$PYTHON train_joint.py "$WORK/pool" "$WORK/vision.pt" "$WORK/connector.pt" "$WORK/joint.pt" 2000

# 6. The checkpoint, the held-out pictures, the score. To choose between checkpoints, score them on the validation pictures:
#    benchmark.py --validation FOLDER
$PYTHON export.py "$WORK/joint.pt" "$WORK/joint.pt" "$DEMO/model"
$PYTHON benchmark.py "$DEMO"
$PYTHON evaluate.py "$DEMO/model" "$DEMO/benchmark" --layers 1
