#!/bin/sh
# Makes the demo models that the model store lacks: those named, or else the four English ones.
# What an earlier, interrupted run has made stays in the folder where this one works, and is used.
set -eu
if [ -n "${OTHER_STORE:-}" ]; then
    echo "the service reads $OTHER_STORE: no demo models are made"
    exit
fi
store=${DEMO_STORE:-/models}
[ $# -gt 0 ] || set -- sentiment topic intent ner
for name in "$@"; do
    for manifest in "$store/$name"/*/manifest.json; do
        if [ -f "$manifest" ]; then
            echo "$name: is in the store"
            continue 2
        fi
    done
    checkpoint=checkpoints/$name
    if [ ! -f "$checkpoint/evaluation.json" ]; then
        echo "$name: fine-tuning"
        python -m demo "$name" --out checkpoints --cache packages
    fi
    echo "$name: exporting and verifying"
    python -m export "$checkpoint" --name "$name" --version 1 --store "$store" --eval "$checkpoint/eval.jsonl"
    echo "$name: is in the store"
done
