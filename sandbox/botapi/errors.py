"""What the stand-in refuses, in the words of the real Bot API."""


class RefusalError(Exception):
    """An answer other than success.

    Args:
        code: HTTP status.
        description: What Telegram says.
        parameters: What goes beside it, such as ``retry_after``.
    """

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters


def bad_request(problem: str) -> RefusalError:
    """Return a 400."""
    return RefusalError(400, f"Bad Request: {problem}")


TOO_LARGE = "Request Entity Too Large"
