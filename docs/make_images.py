"""Make the pictures of walked faces in docs/images from the model that ships: `python docs/make_images.py`.

The faces are drawn and belong to no real person. They are shown larger than the model's 64 pixels, smoothly.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from affectspace.report import image_grid, save_figure
from affectspace.report.formatting import signed
from affectspace.walks import FaceWalker
from affectspace.walks.paths import grid_points
from affectspace.walks.strength import axis_points

IMAGES = Path(__file__).parent / "images"
VALENCES = {-0.8: "very unpleasant", -0.4: "unpleasant", 0.0: "neutral", 0.4: "pleasant", 0.8: "very pleasant"}
AROUSALS = {0.8: "very excited", 0.3: "excited", -0.15: "calm", -0.6: "very calm"}
ENDS = {"valence": ("unpleasant", "pleasant"), "arousal": ("calm", "excited")}
WIDTH = 1200  # pixels of a picture
PERSON = 0  # of the examples, in the grid
PEOPLE = 5  # in the walks


def main() -> None:
    """Write faces_grid.png, walk_valence.png and walk_arousal.png."""
    walker = FaceWalker.pretrained()
    faces = [face.pixels for face in walker.examples(max(PEOPLE, PERSON + 1))]
    grid = walker.walk(faces[PERSON], grid_points(list(VALENCES), list(AROUSALS))).images
    images = grid.reshape(len(AROUSALS), len(VALENCES), *grid.shape[1:])
    rows = [f"{word}\n(arousal {signed(value)})" for value, word in AROUSALS.items()]
    columns = [f"{word}\n(valence {signed(value)})" for value, word in VALENCES.items()]
    save(image_grid(images, rows, columns, cell=1.5), IMAGES / "faces_grid.png")
    for axis, (name, words) in enumerate(ENDS.items()):
        points = axis_points(axis, 7)
        walks = [walker.walk(face, points) for face in faces[:PEOPLE]]
        images = np.stack(
            [
                np.concatenate([face[None], walk.reconstruction[None], walk.images])
                for face, walk in zip(faces, walks, strict=False)
            ]
        )
        captions = [["", "", *(f"read {signed(value)}" for value in walk.readings[:, axis])] for walk in walks]
        asked = [f"asked {signed(value)}" for value in points[:, axis]]
        asked[0], asked[-1] = f"{words[0]}\n{asked[0]}", f"{words[1]}\n{asked[-1]}"
        columns = ["the face", "by the model,\nnot moved", *asked]
        save(image_grid(images, None, columns, captions=captions, cell=1.5), IMAGES / f"walk_{name}.png")


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a small PNG."""
    save_figure(figure, path)
    with Image.open(path) as picture:
        height = round(picture.height * WIDTH / picture.width)
        small = picture.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
    small.quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)


if __name__ == "__main__":
    main()
