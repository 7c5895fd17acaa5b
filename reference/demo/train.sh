#!/bin/sh
# Trains the demo model, exports it and draws the benchmark.
#   PYTHON=python3 WORK=/tmp/vicrop-demo DEMO=../../demo [START=../../demo/model] ./train.sh
# START: a checkpoint to go on from, instead of from nothing; it saves the first hour.
# Stop it at any time and run it again: every step goes on from what it left.
set -e
cd "$(dirname "$0")"
PYTHON=${PYTHON:-python3} WORK=${WORK:-/tmp/vicrop-demo} DEMO=${DEMO:-../../demo}
mkdir -p "$WORK"

# 1. Scenes, rendered, each whole and through three random windows. 10 minutes.
$PYTHON pool.py "$WORK/pool" big 0 10
$PYTHON pool.py "$WORK/pool" mixed 0 24
$PYTHON pool.py "$WORK/pool" rich 0 22
EASY="--big 330 --mixed 1200" SEEING=2900
if [ -n "$START" ]; then
    $PYTHON warm.py "$START" "$WORK/vision.pt" "$WORK/language.pt"
    EASY="--big 0 --mixed 0" SEEING=1400
fi

# 2. The language model on symbolic pictures (10 minutes), beside
# 3. the vision tower, patch by patch: large things first, then every size, then rich pictures (a second a step and core).
$PYTHON train_language.py "$WORK/language.pt" 600 &
$PYTHON train_vision.py "$WORK/pool" "$WORK/vision.pt" $SEEING $EASY
wait

# 4. The projector, then the language model on what the tower really sees. 8 minutes.
$PYTHON features.py "$WORK/pool" "$WORK/vision.pt" "$WORK/features" rich 8 16
$PYTHON train_connector.py "$WORK/pool" "$WORK/features" "$WORK/language.pt" "$WORK/connector.pt" 200

# 5. All of it together, two processes. An hour.
$PYTHON train_joint.py "$WORK/pool" "$WORK/vision.pt" "$WORK/connector.pt" "$WORK/joint.pt" 2000

# 6. The checkpoint and the held-out pictures; `npm run accuracy -- --write` scores it. To choose between checkpoints,
#    score them on the validation pictures: benchmark.py --validation FOLDER, npm run accuracy -- --model FOLDER --on FOLDER
$PYTHON export.py "$WORK/joint.pt" "$WORK/joint.pt" "$DEMO/model"
$PYTHON benchmark.py "$DEMO"
