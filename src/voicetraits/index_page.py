"""Reads auto-index pages: the lists of files that Apache, nginx and their like make of a folder."""

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from requests.utils import requote_uri

_DEFAULT_PORTS = {"http": 80, "https": 443}
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
_TIME_AND_SIZE = re.compile(rf"\d:\d\d\s+{_SIZE.pattern}(?=\s|$)", re.IGNORECASE)
_TIME = re.compile(r"(?:\d{4}-(?:\d\d|[A-Z][a-z]{2})-\d\d|\d\d-[A-Z][a-z]{2}-\d{4}) \d\d:\d\d(?::\d\d)?")
_LONGEST_NAME_BYTES = 200


@dataclass(frozen=True)
class Link:
    """A file that an index page lists.

    Attributes:
        name, url: its name and address.
        bytes: its size where the page gives one (often rounded).
        changed: the time of its last change as the page writes it, where it does.
    """

    name: str
    url: str
    bytes: int | None
    changed: str | None = None


def archive_links(page: bytes, address: str, *, suffixes: tuple[str, ...], charset: str | None = None) -> list[Link]:
    """The links on an index page that lead to archives below the page's address on the same host, each once.

    Parent folders, sort links, other hosts, other schemes and names that are no plain file name are left out.

    Args:
        page: the page as the server sent it.
        address: where it was found, after redirects.
        suffixes: how an archive's name ends, in lower case (`.tgz`).
        charset: the encoding that the server named, if any.
    """
    links: dict[str, Link] = {}
    # Without a word from the server UTF-8 is tried first: a guess from few bytes may turn `~` into another sign.
    soup = BeautifulSoup(page, "html.parser", from_encoding=charset or "utf-8")
    for anchor in soup.find_all("a", href=True):
        try:
            url = requote_uri(urljoin(address, str(anchor["href"]).strip()))
            parts = urlsplit(url)
        except ValueError:
            continue
        name = _file_name(parts.path)
        is_archive = name.lower().endswith(suffixes) and is_plain_name(name)
        if not is_archive or parts.query or parts.fragment or not is_below(url, address):
            continue
        # An icon beside the name is often a link of its own, to the same file.
        icon = links.get(url)
        size = _listed_bytes(anchor) or (icon and icon.bytes)
        changed = _listed_time(anchor) or (icon and icon.changed)
        links[url] = Link(name=name, url=url, bytes=size, changed=changed)
    return list(links.values())


def is_below(url: str, address: str) -> bool:
    """Whether `url` lies in the folder of `address`, on the same host; https may stand for http, never the reverse."""
    try:
        inner, outer = urlsplit(url), urlsplit(address)
        ports = [parts.port or _DEFAULT_PORTS.get(parts.scheme) for parts in (inner, outer)]
    except ValueError:
        return False
    same_server = (inner.scheme, ports[0]) == (outer.scheme, ports[1])
    upgraded = (inner.scheme, outer.scheme, *ports) == ("https", "http", 443, 80)
    if inner.scheme not in _DEFAULT_PORTS or inner.hostname != outer.hostname or not (same_server or upgraded):
        return False
    path, folder = _decoded(inner.path or "/"), _decoded(outer.path.rpartition("/")[0] + "/")
    return path.startswith(folder) and ".." not in re.split(r"[/\\]", path)


def _file_name(path: str) -> str:
    return _decoded(path.rpartition("/")[2])


def _decoded(path: str) -> str:
    raw = unquote_to_bytes(path)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def is_plain_name(name: str) -> bool:
    """Whether a name can be a file of ours: no folder, no control character, not hidden, not too long."""
    return (
        name.isprintable()
        and not name.startswith(".")
        and "/" not in name
        and "\\" not in name
        and len(name.encode()) <= _LONGEST_NAME_BYTES
    )


def _listed_bytes(anchor: Tag) -> int | None:
    """The size that stands behind a link: in a table a cell of its own, else behind the time of the last change."""
    row = anchor.find_parent("tr")
    if row is not None:
        sizes = (_SIZE.fullmatch(cell.get_text(strip=True)) for cell in row.find_all("td"))
        match = next((size for size in sizes if size), None)
    else:
        match = _TIME_AND_SIZE.search(_rest_of_line(anchor))
    return round(float(match[1]) * _UNITS[match[2].upper()]) if match else None


def _listed_time(anchor: Tag) -> str | None:
    """The time of the last change that stands behind a link."""
    row = anchor.find_parent("tr")
    match = _TIME.search(_rest_of_line(anchor) if row is None else row.get_text(" "))
    return match[0] if match else None


def _rest_of_line(anchor: Tag) -> str:
    text = anchor.next_sibling
    return text.splitlines()[0] if isinstance(text, str) and text.strip() else ""
