"""An upload → an order: what is to be run, and how to be rid of its files."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import NamedTuple

from syncline import config as configuration
from syncline.config.uploaded import Uploaded
from syncline.service.limits import Limits
from syncline.service.recognise import Inputs, check_complete, recognise
from syncline.service.refused import UploadRefused
from syncline.service.runs import Order
from syncline.service.uploaded_job import UploadedJob
from syncline.service.uploads import Upload, receive


class Intake(NamedTuple):
    """folder: where uploads are kept until they are planned; origins: what the service's owner lets them reach besides
    the vendors' own."""

    folder: Path
    state_dir: Path
    limits: Limits
    origins: frozenset[str]

    async def receive(self, stream: AsyncIterator[bytes], headers: Iterable[tuple[bytes, bytes]]) -> Upload:
        """Raises `UploadRefused`, and what the stream raises."""
        return await receive(stream, headers, self.folder, self.limits)

    def order(self, upload: Upload, *, resumes: bool) -> Order:
        """Blocks: it reads files. resumes: a plan is to be gone on with, and its configuration alone is needed.

        Raises `UploadRefused` and `ConfigRefused`; the upload is gone then.
        """
        try:
            return self._order(upload, resumes)
        except BaseException:
            upload.discard()
            raise

    def _order(self, upload: Upload, resumes: bool) -> Order:
        inputs = recognise(upload, self.limits)
        written = inputs.configuration
        loaded = configuration.load(written.path, uploaded=Uploaded(self.origins, written.filename))
        job = UploadedJob(loaded, self.state_dir, inputs.data)
        if not resumes:
            check_complete(inputs, from_api=job.api_source(None) is not None)
        elif inputs.data is not None:
            fix = "Leave the data out: the plan that was made of it is gone on with."
            raise UploadRefused(422, "data beside the configuration", "the configuration alone", fix)
        return Order(job, resumes, _digest(inputs), upload.discard)


def _digest(inputs: Inputs) -> bytes:
    """Of all that decides what is run: both parts, whichever came first, and the name that may name the sync."""
    parts = [(part.filename, part.digest) for part in inputs if part is not None]
    return hashlib.sha256(repr(parts).encode()).digest()
