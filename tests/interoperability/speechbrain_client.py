"""SpeechBrain in a process of its own, for test_speechbrain.py (its lazy modules break what looks through sys.modules).

    speechbrain_client.py <model folder> <signals.npz> <out.npz>

Of every signal, float32 (samples,), the features that SpeechBrain computes, `features/<name>`, and the embedding of the
model, `embedding/<name>`; prints the model's labels, as json.
"""

import json
import sys

import numpy as np
import torch
from speechbrain.inference.speaker import EncoderClassifier


def main(folder: str, signals: str, out: str) -> None:
    model = EncoderClassifier.from_hparams(source=folder, savedir=f"{out}.cache")
    found = {}
    with np.load(signals) as file, torch.inference_mode():
        for name, samples in file.items():
            signal = torch.from_numpy(samples)[None]
            found[f"features/{name}"] = model.mods.compute_features(signal)[0].numpy()
            if len(samples) >= 4000:  # its convolutions mirror some frames, so there must be some
                found[f"embedding/{name}"] = model.encode_batch(signal)[0, 0].numpy()
    np.savez(out, **found)
    print(json.dumps({"labels": model.hparams.label_encoder.ind2lab}))


if __name__ == "__main__":
    main(*sys.argv[1:])
