"""How the API says no."""

from ivrcore.service.api.results import ResultCode


class ApiError(Exception):
    """Root of what this package raises."""


class Refusal(ApiError):  # noqa: N818 - it is an answer, not a fault
    """A request that is refused; all a client learns of it is in here.

    Attributes:
        result: the documented result.
        detail: follows the text directly: a parameter's name, or what is wrong with it. Never a secret,
            a digit that was pressed, or a code.
        http_status: the result's own unless HTTP has a closer one (404, 409, 413, 422).
    """

    def __init__(self, result: ResultCode, detail: str = "", http_status: int | None = None) -> None:
        super().__init__(result.code, result.described(detail))
        self.result = result
        self.detail = detail
        self.http_status = result.http_status if http_status is None else http_status

    @property
    def description(self) -> str:
        """The resultdesc."""
        return self.result.described(self.detail)


def invalid(detail: str, http_status: int | None = None) -> Refusal:
    """`Invalid request.<detail>`: a parameter's name, or `<file> does not exist`."""
    return Refusal(ResultCode.INVALID_REQUEST, detail, http_status)
