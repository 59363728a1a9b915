"""Checks formatted text as Telegram does: closed tags, known tags, escaped characters."""

import re

from sandbox.botapi.errors import bad_request

_TAGS = frozenset(
    "a b blockquote code del em i ins pre s span strike strong tg-emoji tg-spoiler u".split()  # noqa: SIM905 - a list of words
)
_TAG = re.compile(r"<(/?)([^\s<>/]*)[^<>]*>")
_PAIRED = {"*", "_", "__", "~", "||", "`", "```"}
_RESERVED = frozenset("[]()>#+-=|{}.!")
_MARK = re.compile(r"\\.|```|\|\||__|[*_~`]|.", re.DOTALL)
_LINK = re.compile(r"!?\[((?:\\.|[^\]\\])*)\]\((?:\\.|[^)\\])*\)")


def check_markup(text: str, parse_mode: str) -> None:
    """Raise 400 for text that `parse_mode` cannot parse. An empty mode takes any text.

    Raises:
        RefusalError: "can't parse entities" with the cause.
    """
    mode = parse_mode.lower()
    if mode == "html":
        _check_html(text)
    elif mode in {"markdown", "markdownv2"}:
        _check_markdown(text, has_reserved=mode == "markdownv2")
    elif mode:
        raise bad_request("unsupported parse_mode")


def _check_html(text: str) -> None:
    open_tags: list[str] = []
    for match in _TAG.finditer(text):
        is_end, tag = bool(match[1]), match[2].lower()
        offset = len(text[: match.start()].encode())
        if is_end:
            if not open_tags or open_tags.pop() != tag:
                raise _unparsed(f'Unexpected end tag "{tag}" at byte offset {offset}')
        elif tag not in _TAGS:
            raise _unparsed(f'Unsupported start tag "{tag}" at byte offset {offset}')
        else:
            open_tags.append(tag)
    if open_tags:
        raise _unparsed(f'Can\'t find end tag corresponding to start tag "{open_tags[-1]}"')
    if "<" in _TAG.sub("", text):
        raise _unparsed("Unclosed start tag")


def _check_markdown(text: str, *, has_reserved: bool) -> None:
    open_marks: list[str] = []
    for mark in _MARK.findall(_LINK.sub(r"\1", text)):
        if open_marks and open_marks[-1] in {"`", "```"} and mark != open_marks[-1]:
            continue
        if mark in _PAIRED:
            if mark in open_marks:
                open_marks.remove(mark)
            else:
                open_marks.append(mark)
        elif has_reserved and mark in _RESERVED:
            raise _unparsed(f"Character '{mark}' is reserved and must be escaped with the preceding '\\'")
    if open_marks:
        raise _unparsed(f"Can't find end of the entity that starts with {open_marks[-1]}")


def _unparsed(cause: str) -> Exception:
    return bad_request(f"can't parse entities: {cause}")
