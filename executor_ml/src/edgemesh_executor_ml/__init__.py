"""The Candle executor: sentence embeddings and text generation on CPU."""
