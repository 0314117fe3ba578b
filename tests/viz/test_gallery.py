"""The gallery in docs: up to date, small, and made of pictures that can be read."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("gallery_page", ROOT / "docs" / "gallery.py")
gallery = importlib.util.module_from_spec(spec)
sys.modules["gallery_page"] = gallery
spec.loader.exec_module(gallery)


@pytest.mark.parametrize("entry", gallery.ENTRIES, ids=lambda entry: entry.name)
def test_a_picture_of_the_gallery_is_up_to_date_and_small(entry):
    made = entry.make()
    assert entry.image.read_text(encoding="utf-8") == made.svg(), "run: python docs/gallery.py"
    assert len(made.svg()) < 1_000 * entry.most
    assert len(made.picture.boxes) <= entry.most


def test_the_page_is_up_to_date_and_shows_every_picture_of_the_folder():
    text = gallery.TARGET.read_text(encoding="utf-8")
    assert text == gallery.page(), "run: python docs/gallery.py"
    assert {path.name for path in gallery.IMAGES.iterdir()} == {entry.image.name for entry in gallery.ENTRIES}
    assert all(f"images/gallery/{entry.image.name}" in text for entry in gallery.ENTRIES)
