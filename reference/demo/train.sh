#!/bin/sh
# Trains the demo model from nothing, exports it, draws the benchmark and scores it. Every step goes on from what it left.
#   PYTHON=python3 WORK=/tmp/vicrop-demo DEMO=../../demo ./train.sh
# The seconds below are those of two cores of a laptop-class CPU with AVX512 and bfloat16, steps 2 and 3 at the same time.
set -e
cd "$(dirname "$0")"
PYTHON=${PYTHON:-python3} WORK=${WORK:-out} DEMO=${DEMO:-../../demo}
mkdir -p "$WORK"

# 1. Scenes, rendered: 34,000 pictures, each whole and through three random windows.
$PYTHON pool.py "$WORK/pool" big 0 10
$PYTHON pool.py "$WORK/pool" mixed 0 24

# 2. The language model on symbolic pictures, beside
# 3. the vision tower, patch by patch: large things first, then every size.
[ -f "$WORK/language.pt" ] || $PYTHON train_language.py "$WORK/language.pt" 420 --ramp 100 --two 0.6 --blind 0.7 &
[ -f "$WORK/vision.done" ] || {
  $PYTHON train_vision.py "$WORK/pool" "$WORK/vision.pt" 200 --stage big
  $PYTHON train_vision.py "$WORK/pool" "$WORK/vision.pt" 1500 --stage mixed
  touch "$WORK/vision.done"
}
wait

# 4. The projector, then the language model on what the tower really sees.
$PYTHON features.py "$WORK/pool" "$WORK/vision.pt" "$WORK/features" mixed 0 5
$PYTHON features.py "$WORK/pool" "$WORK/vision.pt" "$WORK/features" big 0 1
[ -f "$WORK/speaker.pt" ] || $PYTHON train_language.py "$WORK/speaker.pt" 500 --start "$WORK/language.pt" \
  --pool "$WORK/pool" --features "$WORK/features" --align 1000 --blind 0.2 --rate 0.5

# 5. All of it together.
[ -f "$WORK/joint.pt" ] || $PYTHON train_joint.py "$WORK/pool" "$WORK/vision.pt" "$WORK/speaker.pt" "$WORK/joint.pt" 1800

# 6. The checkpoint, the held-out pictures, the score.
$PYTHON export.py "$WORK/joint.pt" "$WORK/joint.pt" "$DEMO/model"
$PYTHON benchmark.py "$DEMO"
$PYTHON evaluate.py "$DEMO/model" "$DEMO/benchmark" --layers 1
