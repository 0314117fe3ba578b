"""The `index.html` of a run: one page beside its pictures that opens without a network."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from string import Template

PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
  :root { color-scheme: light dark; --ink: #1b1b1f; --paper: #fbfaf7; --card: #fff; --line: #d9d5cc;
          --accent: #0072b2; }
  @media (prefers-color-scheme: dark) {
    :root { --ink: #ececec; --paper: #16181c; --card: #1f2227; --line: #3a3f47; --accent: #56b4e9; }
  }
  body { margin: 0 auto; max-width: 62rem; padding: 2rem 1rem 4rem; background: var(--paper); color: var(--ink);
         font: 1rem/1.55 system-ui, sans-serif; }
  h1 { margin: 0 0 .3rem; font-size: 1.7rem; } h2 { margin: 2.6rem 0 .4rem; font-size: 1.2rem; }
  p { margin: .3rem 0 .8rem; max-width: 46rem; }
  dl { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1.2rem 0; }
  dl div { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .55rem .9rem; }
  dt { font-size: .8rem; opacity: .75; } dd { margin: 0; font-size: 1.15rem; font-variant-numeric: tabular-nums; }
  figure { margin: 0; overflow-x: auto; background: #fff; border: 1px solid var(--line); border-radius: .5rem;
           padding: .6rem; }
  figure img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
  figure img[src$$=".svg"] { max-width: none; }
  pre { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .8rem;
        font-size: .85rem; }
  a { color: var(--accent); }
</style>
</head>
<body>
<main>
<h1>$title</h1>
<p>$lead</p>
<dl>
$facts
</dl>
$sections
</main>
</body>
</html>
""")


@dataclass(frozen=True)
class Section:
    """A part of the page: a heading, a sentence, and a picture file or a text as it was printed."""

    heading: str
    sentence: str
    picture: str | None = None
    text: str | None = None


def page(title: str, lead: str, facts: dict[str, str], sections: Sequence[Section]) -> str:
    """The page as HTML; every text is escaped.

    Examples
    --------
    >>> "<b>" in page("<b>", "A run.", {"accuracy": "0.97"}, [])
    False
    """
    return PAGE.substitute(
        title=escape(title),
        lead=escape(lead),
        facts="\n".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in facts.items()),
        sections="\n".join(map(_section, sections)),
    )


def _section(section: Section) -> str:
    parts = [f"<h2>{escape(section.heading)}</h2>", f"<p>{escape(section.sentence)}</p>"]
    if section.picture is not None:
        file = escape(section.picture)
        parts.append(f'<figure><a href="{file}"><img src="{file}" alt="{escape(section.heading)}"></a></figure>')
    if section.text is not None:
        parts.append(f"<pre>{escape(section.text)}</pre>")
    return "\n".join(parts)
