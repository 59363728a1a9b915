"""The pace of a notifier that is alone."""


class OwnPace:
    """A `Pace` for one notifier: what it knows by itself is all that there is to know."""

    async def claim(self, _chat: str) -> float:
        return 0.0

    async def hold(self, chat: str, for_s: float) -> None:
        pass
