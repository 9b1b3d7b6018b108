"""2: sentence embeddings find the answer to a question among twenty sentences."""

from __future__ import annotations

import numpy as np
from client import Client, Wrong
from row import Row

QUESTION = "Why does the number of spots on the Sun rise and fall?"
ANSWER = "The Sun's magnetic field winds up and reverses about every eleven years."
SENTENCES = (
    "Bread dough rises because yeast gives off carbon dioxide.",
    "The Danube flows through ten countries before it meets the Black Sea.",
    "A violin has four strings, tuned in fifths.",
    "Sunflowers are harvested in early autumn.",
    "Copper conducts heat better than iron does.",
    "The library closes at six on Saturdays.",
    "Penguins huddle together to keep warm in a storm.",
    "Chess was brought to Europe by way of Persia.",
    ANSWER,
    "The moon pulls the tides around the Earth.",
    "She painted the kitchen a pale shade of green.",
    "A marathon is a little over forty-two kilometres long.",
    "Bees tell each other by dances where the flowers are.",
    "The train to Vienna leaves from platform nine.",
    "Wear a hat and sunscreen when you spend a day at the beach.",
    "Glass is made of sand, soda and lime.",
    "The number of visitors to the museum rises and falls with the seasons.",
    "He repaired the old radio with parts from a toaster.",
    "Olive trees can live for more than a thousand years.",
    "Leopards have spots, tigers have stripes.",
)


def run(client: Client) -> list[Row]:
    """Embed the question and the sentences; the nearest sentence answers it."""
    answer = client.compute("ml.embed", {"texts": [QUESTION, *SENTENCES]})
    answer.demand("OK")
    vectors = answer.array("embeddings")
    if vectors.shape[0] != 1 + len(SENTENCES):
        raise Wrong(f"embeddings of shape {vectors.shape} for {1 + len(SENTENCES)} texts")
    if not np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-4):
        raise Wrong("the embeddings are not of length 1")
    nearness = vectors[1:] @ vectors[0]
    found = SENTENCES[int(np.argmax(nearness))]
    if found != ANSWER:
        raise Wrong(f"found {found!r}")
    return [Row("ml.embed", f"{nearness.max():.2f}: {found}", answer)]
