"""Why an upload is not taken, in the words of every other refusal, with the HTTP status that says the same."""

from __future__ import annotations

from syncline.errors import Problem, Refusal


class UploadRefused(Refusal):
    """What came cannot be taken, and nothing of it was kept. `status`: the answer's."""

    def __init__(self, status: int, found: str, expected: str, fix: str = "", *, where: str = "the upload") -> None:
        self.status = status
        super().__init__([Problem(where, 0, 0, found, expected, fix)])
