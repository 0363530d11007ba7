"""The page as one HTML file with its pictures inside: it opens anywhere, without a network, and asks for nothing."""

import html
import re
from base64 import b64encode
from collections.abc import Mapping

from markdown_it import MarkdownIt

from voicetraits.errors import DataError

#: A picture, alone in its paragraph: `![what it shows](its name)`.
_PICTURE = re.compile(r"^!\[(?P<caption>[^\]]*)\]\((?P<name>[^)]*)\)$", re.MULTILINE)

_STYLE = """
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; font: 1rem/1.55 system-ui, sans-serif; color: #1c1c1c; }
h1, h2, h3 { line-height: 1.25; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #ddd; padding-bottom: .3rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; font-size: .9rem; }
th, td { border: 1px solid #ddd; padding: .25rem .6rem; text-align: left; } th { background: #f5f5f5; }
code { background: #f2f2f2; padding: 0 .2rem; border-radius: 3px; font-size: .9em; }
blockquote { margin: 1rem 0; padding: .1rem 1rem; background: #fff4e5; border-left: 4px solid #c2571a; }
figure { margin: 1.5rem 0; } figure img { max-width: 100%; height: auto; }
figcaption { color: #555; font-size: .9rem; }
"""


def without_pictures(markdown: str) -> str:
    """The page as text alone, for where a picture would be a file of its own."""
    return re.sub(r"\n{3,}", "\n\n", _PICTURE.sub("", markdown))


def render(markdown: str, pictures: Mapping[str, tuple[str, bytes]]) -> str:
    """The page as HTML.

    Args:
        pictures: name: media type and bytes, for each name that the page has.

    Raises:
        DataError: the page names a picture that is not there.
    """
    figures = {}
    for match in _PICTURE.finditer(markdown):
        name, caption = match["name"], match["caption"]
        if name not in pictures:
            raise DataError(
                f"the report names the picture {name!r}, which nothing draws; there are {', '.join(pictures)}"
            )
        kind, content = pictures[name]
        source = f"data:{kind};base64,{b64encode(content).decode()}"
        words = html.escape(caption)
        figures[name] = f'<figure><img alt="{words}" src="{source}"><figcaption>{words}</figcaption></figure>'
    # Pictures are set in after the text has been rendered: it lets no HTML pass.
    text = _PICTURE.sub(lambda match: f"PICTURE {match['name']} HERE", markdown)
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    for name, figure in figures.items():
        body = body.replace(f"<p>PICTURE {name} HERE</p>", figure)
    title = html.escape(markdown.splitlines()[0].lstrip("# ").replace("`", ""))
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
