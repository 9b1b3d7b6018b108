"""Makes tone.flac, tone.mp3 and tone.ogg: 0.6 s of 440 Hz, 22,050 Hz, louder on the left.

    python make_sound.py

Run with soundfile 0.14.0 (libsndfile 1.2.2 and the encoders it brings along) and numpy.
"""

from __future__ import annotations

from pathlib import Path

RATE, SECONDS, HERTZ = 22_050, 0.6, 440.0


def main() -> None:
    """Make the files."""
    import numpy as np
    import soundfile

    tone = np.sin(2 * np.pi * HERTZ * np.arange(int(RATE * SECONDS)) / RATE)
    both = np.stack([0.6 * tone, 0.2 * tone], axis=1)
    folder = Path(__file__).parent / "sound"
    folder.mkdir(exist_ok=True)
    for kind, format, subtype in (
        ("flac", "FLAC", "PCM_16"),
        ("mp3", "MP3", "MPEG_LAYER_III"),
        ("ogg", "OGG", "VORBIS"),
    ):
        soundfile.write(folder / f"tone.{kind}", both, RATE, format=format, subtype=subtype)


if __name__ == "__main__":
    main()
