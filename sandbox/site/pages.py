"""The site's HTML."""

from html import escape

from sandbox.site.samples import SAMPLES, Sample

_STYLE = """
  :root { color-scheme: light dark; --line: color-mix(in srgb, CanvasText 15%, Canvas); }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  ul { list-style: none; padding: 0; display: grid; gap: .75rem;
       grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); }
  li { border: 1px solid var(--line); border-radius: .75rem; padding: .75rem 1rem; }
  li a { font-weight: 600; text-decoration: none; }
  small { display: block; opacity: .7; overflow-wrap: anywhere; }
  .fails { border-style: dashed; }
  video { width: 100%; border-radius: .75rem; }
"""

_TEXT = "<p>Drifting colours and a counter: eight seconds that a machine drew for other machines to look at.</p>"


ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#1f6f78"/>'
    '<path d="M6 4.5v7l5.5-3.5z" fill="#fff"/></svg>'
)

_ICON_LINK = '<link rel="icon" href="/favicon.ico" type="image/svg+xml">'


def index() -> str:
    """Return the page that lists every sample."""
    cards = "\n".join(_card(sample) for sample in SAMPLES)
    return _page("clipferry sample site", f"<p>Paste any of these addresses into clipferry.</p><ul>{cards}</ul>")


def _card(sample: Sample) -> str:
    css, end = ("fails", f"<small>ends with {sample.reason}</small>") if sample.reason else ("", "")
    return (
        f'<li class="{css}"><a href="{sample.path}">{escape(sample.title)}</a>'
        f"<small>{escape(sample.about)}</small><small>{escape(sample.path)}</small>{end}</li>"
    )


def with_video(title: str, *sources: str, picture: str = "") -> str:
    """Return a page that plays each of `sources`.

    Args:
        picture: Absolute URL of the picture that its head names; empty: none.
    """
    videos = "\n".join(f'<video controls preload="metadata" src="{source}"></video>' for source in sources)
    head = f'<meta property="og:image" content="{picture}">' if picture else ""
    return _page(title, videos + _TEXT, head)


def with_og_video(title: str, url: str) -> str:
    """Return a page whose video is only named in its head, by the absolute `url`."""
    tags = f'<meta property="og:video" content="{url}"><meta property="og:video:type" content="video/mp4">'
    return _page(title, _TEXT, head=tags)


def without_video(title: str) -> str:
    """Return a page of text."""
    return _page(title, _TEXT)


def _page(title: str, body: str, head: str = "") -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width">{_ICON_LINK}{head}<style>{_STYLE}</style></head>'
        f"<body><h1>{escape(title)}</h1>{body}</body></html>"
    )
