"""Write docs/lessons.md: every lesson with its claim and its pictures.

Run it from the repository root: python docs/lessons.py
It runs in full the lessons that lack a picture in docs/images/lessons/, and those named: python docs/lessons.py 7 12
With --check it writes nothing, and fails if the page is not up to date.
"""

import sys
import tempfile
from pathlib import Path

from tinygrad_edu.cli.lessons import Lesson, chosen, lessons, run
from tinygrad_edu.files import write_whole

TARGET = Path(__file__).with_suffix(".md")
IMAGES = TARGET.parent / "images" / "lessons"
LARGEST = 70_000  # bytes of a picture: a clone should stay small

HEAD = """\
# Lessons

One idea each, in the order in which to read them. `tinygrad-edu lesson 7` runs one and opens a page with its pictures;
the files in `examples/` also open as notebooks (percent cells). Each ends by asserting its claim, and the tests run
them all, so what stands here is so.

This page is generated from the lessons (`python docs/lessons.py`).
"""


def image(lesson: Lesson, name: str) -> Path:
    """Where the page has a picture of a lesson."""
    return IMAGES / f"{lesson.number:02}-{name}"


def section(lesson: Lesson) -> str:
    """A lesson on the page: title, text, claim, pictures."""
    pictures = [
        f"![{caption}]({image(lesson, name).relative_to(TARGET.parent).as_posix()})\n\n*{caption}*"
        for name, caption in lesson.pictures.items()
    ]
    source = f"[`{lesson.path.name}`](../examples/{lesson.path.name})"
    return "\n\n".join([f"## {lesson.number}. {lesson.title}", source, lesson.text, f"**{lesson.claim}**", *pictures])


def table() -> str:
    """The whole page."""
    return "\n".join([HEAD, "\n\n".join(map(section, lessons())), ""])


def draw(lesson: Lesson) -> None:
    """Run a lesson in full, and take its pictures."""
    with tempfile.TemporaryDirectory() as folder:
        made = run(lesson, Path(folder)).parent
        for name in lesson.pictures:
            content = (made / name).read_bytes()
            if len(content) > LARGEST:
                raise SystemExit(f"lesson {lesson.number}: {name} has {len(content):,} bytes; at most {LARGEST:,}")
            write_whole(image(lesson, name), content, overwrite=True)
    kept = {image(lesson, name) for name in lesson.pictures}
    for stale in set(IMAGES.glob(f"{lesson.number:02}-*")) - kept:
        stale.unlink()


def main() -> None:
    """Write the page, and the pictures that it lacks; with --check, only say whether the page is up to date."""
    if "--check" in sys.argv[1:]:
        if TARGET.read_text(encoding="utf-8") != table():
            raise SystemExit(f"{TARGET.name} is not up to date; run: python docs/lessons.py")
        return
    IMAGES.mkdir(parents=True, exist_ok=True)
    named = chosen(sys.argv[1:])
    for lesson in lessons():
        if lesson in named or not all(image(lesson, name).exists() for name in lesson.pictures):
            draw(lesson)
    write_whole(TARGET, table().encode(), overwrite=True)
    print(f"wrote {TARGET}", file=sys.stderr)


if __name__ == "__main__":
    main()
