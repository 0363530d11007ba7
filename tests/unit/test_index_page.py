"""Index pages of every style, and links that must not be followed."""

from urllib.parse import quote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voicetraits.index_page import archive_links, is_below

ADDRESS = "http://repository.example/Audio/Main/16kHz_16bit/"
SUFFIXES = (".tgz", ".tar.gz")

# Pages of Apache 2.4.71 and nginx 1.22.1, shortened, and of two others after their manner; with links to no archive.
PAGES = {
    "apache, plain list": (
        """<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">
<html>
 <head>
  <title>Index of /Audio/Main/16kHz_16bit</title>
 </head>
 <body>
<h1>Index of /Audio/Main/16kHz_16bit</h1>
<ul><li><a href="/Audio/Main/"> Parent Directory</a></li>
<li><a href="Aaron-20080318-kdl.tgz"> Aaron-20080318-kdl.tgz</a></li>
<li><a href="M%c3%bcller%20&amp;%20S%c3%b6hne%20%231%20100%25-20090101-abc.tgz"> Müller &amp; Söhne #1</a></li>
<li><a href="README.txt"> README.txt</a></li>
<li><a href="old.tar.gz"> old.tar.gz</a></li>
<li><a href="sub.tgz/"> sub.tgz/</a></li>
</ul>
</body></html>
""",
        [None, None, None],
        [None, None, None],
    ),
    "apache, <pre>": (
        """<pre>      <a href="?C=N;O=D">Name</a>                 <a href="?C=M;O=A">Last modified</a>      \
<a href="?C=S;O=A">Size</a>  <a href="?C=D;O=A">Description</a><hr>      <a href="/Audio/Main/">Parent Directory</a>   -
<img src="/icons/compressed.gif" alt="[   ]"> <a href="Aaron-20080318-kdl.tgz">Aaron-20080318-kd..&gt;</a> \
2026-11-20 19:21  523K  12 sentences
<img src="/icons/compressed.gif" alt="[   ]"> \
<a href="M%c3%bcller%20&amp;%20S%c3%b6hne%20%231%20100%25-20090101-abc.tgz">Müller &amp; Söhne ..&gt;</a> \
18-Mar-2008 19:21  2.9M
      <a href="README.txt">README.txt</a>           2026-11-20 19:21    3
      <a href="old.tar.gz">old.tar.gz</a>           2026-11-20 19:21   25
<img src="/icons/compressed.gif" alt="[DIR]"> <a href="sub.tgz/">sub.tgz/</a>             2026-11-20 19:21    -
<hr></pre>
""",
        [523 * 1024, round(2.9 * 1024**2), 25],
        ["2026-11-20 19:21", "18-Mar-2008 19:21", "2026-11-20 19:21"],
    ),
    "apache, <pre>, icons are links": (
        """<pre><a href="Aaron-20080318-kdl.tgz"><img src="/icons/compressed.gif" alt="[   ]"></a> \
<a href="Aaron-20080318-kdl.tgz">Aaron-20080318-kd..&gt;</a> 2026-11-20 19:21  523K
<a href="M%c3%bcller%20&amp;%20S%c3%b6hne%20%231%20100%25-20090101-abc.tgz"><img src="/icons/compressed.gif"></a> \
<a href="M%c3%bcller%20&amp;%20S%c3%b6hne%20%231%20100%25-20090101-abc.tgz">Müller..&gt;</a> 2026-11-20 19:21   -
<a href="old.tar.gz">     </a> <a href="old.tar.gz">old.tar.gz</a>           2026-11-20 19:21  1.0G
<hr></pre>
""",
        [523 * 1024, None, 1024**3],
        ["2026-11-20 19:21"] * 3,
    ),
    "apache, table": (
        """  <table>
   <tr><th valign="top">&nbsp;</th><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=M;O=A">Last modified</a></th>\
<th><a href="?C=S;O=A">Size</a></th><th><a href="?C=D;O=A">Description</a></th></tr>
   <tr><th colspan="5"><hr></th></tr>
<tr><td valign="top">&nbsp;</td><td><a href="/Audio/Main/">Parent Directory</a>       </td><td>&nbsp;</td>\
<td align="right">  - </td><td>&nbsp;</td></tr>
<tr><td valign="top"><img src="/icons/compressed.gif" alt="[   ]"></td>\
<td><a href="Aaron-20080318-kdl.tgz">Aaron-20080318-kdl.tgz</a> </td><td align="right">2026-11-20 19:21  </td>\
<td align="right">523K</td><td>&nbsp;</td></tr>
<tr><td valign="top"><img src="/icons/compressed.gif" alt="[   ]"></td>\
<td><a href="M%c3%bcller%20&amp;%20S%c3%b6hne%20%231%20100%25-20090101-abc.tgz">Müller &amp; Söhne #1 ..&gt;</a></td>\
<td align="right">2026-11-20 19:21  </td><td align="right">2.9M</td><td>&nbsp;</td></tr>
<tr><td valign="top">&nbsp;</td><td><a href="old.tar.gz">old.tar.gz</a>             </td>\
<td align="right">2026-11-20 19:21  </td><td align="right">  3 </td><td>&nbsp;</td></tr>
   <tr><th colspan="5"><hr></th></tr>
</table>
""",
        [523 * 1024, round(2.9 * 1024**2), 3],
        ["2026-11-20 19:21"] * 3,
    ),
    "nginx": (
        """<html>
<head><title>Index of /Audio/Main/16kHz_16bit/</title></head>
<body>
<h1>Index of /Audio/Main/16kHz_16bit/</h1><hr><pre><a href="../">../</a>
<a href="sub.tgz/">sub.tgz/</a>                                           20-Nov-2026 19:21                   -
<a href="Aaron-20080318-kdl.tgz">Aaron-20080318-kdl.tgz</a>                   20-Nov-2026 19:21              535768
<a href="M%C3%BCller%20%26%20S%C3%B6hne%20%231%20100%25-20090101-abc.tgz">Müller</a>   20-Nov-2026 19:21     3000000
<a href="old.tar.gz">old.tar.gz</a>                                         20-Nov-2026 19:21                  25
</pre><hr></body>
</html>
""",
        [535768, 3000000, 25],
        ["20-Nov-2026 19:21"] * 3,
    ),
    "nginx, sizes for people": (
        """<h1>Index of /</h1><hr><pre><a href="../">../</a>
<a href="Aaron-20080318-kdl.tgz">Aaron-20080318-kdl.tgz</a>                             20-Nov-2026 19:21    523K
<a href="M%C3%BCller%20%26%20S%C3%B6hne%20%231%20100%25-20090101-abc.tgz">Müller</a>    20-Nov-2026 19:21      3M
<a href="old.tar.gz">old.tar.gz</a>                                         20-Nov-2026 19:21      25
</pre><hr>""",
        [523 * 1024, 3 * 1024**2, 25],
        ["20-Nov-2026 19:21"] * 3,
    ),
    "lighttpd": (
        """<table summary="Directory Listing" cellpadding="0" cellspacing="0"><tbody>
<tr class="d"><td class="n"><a href="../">..</a>/</td><td class="m">&nbsp;</td><td class="s">- &nbsp;</td></tr>
<tr><td class="n"><a href="Aaron-20080318-kdl.tgz">Aaron-20080318-kdl.tgz</a></td>\
<td class="m">2026-Nov-20 19:21:05</td><td class="s">523.2K</td><td class="t">application/gzip</td></tr>
<tr><td class="n"><a href="M%c3%bcller%20%26%20S%c3%b6hne%20%231%20100%25-20090101-abc.tgz">Müller</a></td>\
<td class="m">2026-Nov-20 19:21:05</td><td class="s">3.0 MiB</td><td class="t">application/gzip</td></tr>
<tr><td class="n"><a href="old.tar.gz">old.tar.gz</a></td>\
<td class="m">2026-Nov-20 19:21:05</td><td class="s">0.1K</td><td class="t">application/gzip</td></tr>
</tbody></table>""",
        [round(523.2 * 1024), 3 * 1024**2, 102],
        ["2026-Nov-20 19:21:05"] * 3,
    ),
    "python": (
        """<!DOCTYPE HTML><html lang="en"><body><h1>Directory listing for /</h1><hr><ul>
<li><a href="Aaron-20080318-kdl.tgz">Aaron-20080318-kdl.tgz</a></li>
<li><a href="M%C3%BCller%20%26%20S%C3%B6hne%20%231%20100%25-20090101-abc.tgz">Müller &amp; Söhne #1</a></li>
<li><a href="old.tar.gz">old.tar.gz</a></li>
</ul><hr></body></html>""",
        [None, None, None],
        [None, None, None],
    ),
}


@pytest.mark.parametrize("style", PAGES)
def test_every_style_of_page(style: str) -> None:
    page, sizes, times = PAGES[style]
    links = archive_links(page.encode(), ADDRESS, suffixes=SUFFIXES)
    names = ["Aaron-20080318-kdl.tgz", "Müller & Söhne #1 100%-20090101-abc.tgz", "old.tar.gz"]
    assert [link.name for link in links] == names
    assert [link.bytes for link in links] == sizes
    assert [link.changed for link in links] == times
    assert all(is_below(link.url, ADDRESS) for link in links)
    assert links[0].url == ADDRESS + "Aaron-20080318-kdl.tgz"


def names_behind(*hrefs: str, address: str = ADDRESS) -> list[str]:
    page = "".join(f'<a href="{href}">a link</a>\n' for href in hrefs)
    return [link.name for link in archive_links(page.encode(), address, suffixes=SUFFIXES)]


@pytest.mark.parametrize(
    "href",
    [
        "../x.tgz",
        "..%2fx.tgz",
        "%2e%2e/x.tgz",
        "sub/../../x.tgz",
        "/Audio/Main/x.tgz",
        "/Audio/Main/16kHz_16bit",
        "/Audio/Main/16kHz_16bit.tgz",
        "/x.tgz",
        "//other.example/Audio/Main/16kHz_16bit/x.tgz",
        "http://other.example/Audio/Main/16kHz_16bit/x.tgz",
        "http://repository.example.other.example/Audio/Main/16kHz_16bit/x.tgz",
        "http://repository.example@other.example/Audio/Main/16kHz_16bit/x.tgz",
        "http://repository.example:8080/Audio/Main/16kHz_16bit/x.tgz",
        "https://repository.example:8443/Audio/Main/16kHz_16bit/x.tgz",
        "ftp://repository.example/Audio/Main/16kHz_16bit/x.tgz",
        "file:///Audio/Main/16kHz_16bit/x.tgz",
        "javascript:x.tgz",
        "mailto:someone@repository.example?x.tgz",
        "data:,x.tgz",
        "?C=N;O=D",
        "?file=x.tgz",
        "x.tgz?C=N",
        "x.tgz#top",
        "x.tgz/",
        "x.zip",
        "x.tgz.asc",
        "tgz",
        ".tgz",
        ".hidden.tgz",
        "a%2fb.tgz",
        "a%5cb.tgz",
        "a%00b.tgz",
        "a%0ab.tgz",
        "x" * 300 + ".tgz",
        "http://[::1/x.tgz",
        "http://repository.example:port/x.tgz",
        "",
    ],
)
def test_links_that_lead_to_no_archive_below_the_page(href: str) -> None:
    assert names_behind(href) == []


@pytest.mark.parametrize(
    "href",
    [
        "x.tgz",
        " x.tgz ",
        "./x.tgz",
        "sub/x.tgz",
        "/Audio/Main/16kHz_16bit/x.tgz",
        "/Audio/Main/16kHz%5f16bit/x.tgz",
        "//repository.example/Audio/Main/16kHz_16bit/x.tgz",
        "http://Repository.Example:80/Audio/Main/16kHz_16bit/x.tgz",
        "https://repository.example/Audio/Main/16kHz_16bit/x.tgz",
    ],
)
def test_links_to_an_archive_below_the_page(href: str) -> None:
    assert names_behind(href) == ["x.tgz"]


def test_no_way_back_from_https() -> None:
    assert names_behind("http://repository.example/x.tgz", address="https://repository.example/") == []


def test_folder_of_an_address_that_names_a_page() -> None:
    assert names_behind("x.tgz", "/Audio/y.tgz", "/z.tgz", address="http://repository.example/Audio/index.html") == [
        "x.tgz",
        "y.tgz",
    ]


def test_latin_1_names() -> None:
    assert names_behind("M%FCller.tgz") == ["Müller.tgz"]


def test_upper_case_suffix() -> None:
    assert names_behind("X.TGZ") == ["X.TGZ"]


def test_encoding_of_the_page() -> None:
    page = '<a href="Müller.tgz">x</a>'.encode("latin-1")
    (link,) = archive_links(page, ADDRESS, suffixes=SUFFIXES, charset="iso-8859-1")
    assert link.name == "Müller.tgz"
    assert link.url == ADDRESS + "M%C3%BCller.tgz"


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))
@example(":~¡¡~")
def test_any_plain_name_comes_back(stem: str) -> None:
    name = f"{stem}.tgz"
    plain = name.isprintable() and not name.startswith(".") and not {"/", "\\"} & set(name)
    assert names_behind(quote(name, safe="")) == ([name] if plain else [])


@given(st.lists(st.text(st.sampled_from("ax./\\:%#?@[]25e2fF\0\n\t ") | st.characters(), max_size=40)))
def test_no_link_leads_out_of_the_folder(hrefs: list[str]) -> None:
    page = "".join(f'<a href="{href}.tgz">{href}</a> 12:00 {href}\n' for href in hrefs)
    for link in archive_links(page.encode(errors="replace"), ADDRESS, suffixes=SUFFIXES):
        parts = urlsplit(link.url)
        assert (parts.scheme, parts.hostname) in {("http", "repository.example"), ("https", "repository.example")}
        assert is_below(link.url, ADDRESS)
        assert "/" not in link.name
        assert link.name.endswith(".tgz")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_error(page: bytes) -> None:
    archive_links(b"<a href=x.tgz>" + page, ADDRESS, suffixes=SUFFIXES)
