"""The Pipelines API → writes on a workspace; what is too large or makes no sense is answered 200, and dropped.

With `X-Strict-Mode: 1` the same is answered 400. What a call means is said in `messages`.
https://docs.customer.io/integrations/api/cdp/ (checked 2026-10); the bodies of refusals are not documented.
"""

from __future__ import annotations

from collections import deque

import msgspec
from msgspec import Raw, Struct

from syncline.emulators.customerio.answers import json
from syncline.emulators.customerio.credentials import token
from syncline.emulators.customerio.messages import KINDS, Message, MessageError, Messages
from syncline.emulators.customerio.rules import MAX_ITEM_KB, MAX_REQUEST_KB
from syncline.emulators.customerio.workspace import Workspace
from syncline.emulators.routes import Answer, Call, Handler, Route

REMEMBERED = 1000
_ACCEPTED = json({})


class _Batch(Struct):
    batch: list[Raw]


_batch = msgspec.json.Decoder(_Batch)
_message = msgspec.json.Decoder(Message)


class Pipelines:
    """The handlers. dropped: why the latest calls were, in permissive mode."""

    def __init__(self, workspace: Workspace) -> None:
        self.dropped: deque[str] = deque(maxlen=REMEMBERED)
        self._workspace = workspace
        self._messages = Messages(workspace)

    def routes(self) -> list[Route]:
        singles = [Route("POST", f"/v1/{kind}", self._guarded(self._single(kind)), write=True) for kind in KINDS]
        return [*singles, Route("POST", "/v1/batch", self._guarded(self._several), write=True)]

    def _guarded(self, handle: Handler) -> Handler:
        """The handler behind its key, and the choice between refusing and dropping."""

        def guard(call: Call) -> Answer:
            strict = call.header(b"x-strict-mode") == b"1"
            if token(call.authorization, "basic") not in self._workspace.credentials.cdp():
                return self._refused(401, "unauthorized", strict or self._workspace.switches.cdp_refuses_bad_keys)
            try:
                return handle(call)
            except (MessageError, msgspec.DecodeError, UnicodeDecodeError) as error:
                return self._refused(400, str(error), strict)

        return guard

    def _single(self, kind: str) -> Handler:
        def handle(call: Call) -> Answer:
            self._check_size(len(call.body), MAX_ITEM_KB)
            call.body.decode()
            message = _message.decode(call.body)
            message.type = kind
            self._messages.take(message)()
            return _ACCEPTED

        return handle

    def _several(self, call: Call) -> Answer:
        """In strict mode one flaw refuses the whole; otherwise what makes sense is taken, and the rest dropped."""
        self._check_size(len(call.body), MAX_REQUEST_KB)
        call.body.decode()
        strict = call.header(b"x-strict-mode") == b"1"
        acts = []
        for item in _batch.decode(call.body).batch:
            try:
                self._check_size(memoryview(item).nbytes, MAX_ITEM_KB)
                acts.append(self._messages.take(_message.decode(item)))
            except (MessageError, msgspec.DecodeError) as error:
                if strict:
                    raise
                self.dropped.append(str(error))
        for act in acts:
            act()
        return _ACCEPTED

    def _check_size(self, size: int, kilobytes: int) -> None:
        if size > kilobytes * self._workspace.switches.kilobyte:
            raise MessageError(f"cannot be larger than {kilobytes} KB")

    def _refused(self, status: int, reason: str, strict: bool) -> Answer:
        if strict:
            return json({"code": "unauthorized" if status == 401 else "invalid_request", "message": reason}, status)
        self.dropped.append(reason)
        return _ACCEPTED
