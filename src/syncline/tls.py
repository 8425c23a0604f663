"""What connections are encrypted with: certificates and host names are verified, TLS is 1.2 at least, and its keys are
written nowhere. SSL_CERT_FILE and SSL_CERT_DIR name other authorities."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

# Python's default contexts have the keys of every connection written to this file, with which whoever recorded them
# reads them (https://docs.python.org/3/library/ssl.html#ssl.create_default_context, checked 2026-10).
_KEY_LOG = "SSLKEYLOGFILE"


@contextmanager
def key_log_unheard() -> Iterator[None]:
    """Contexts that are made meanwhile keep their keys to themselves."""
    named = os.environ.pop(_KEY_LOG, None)
    try:
        yield
    finally:
        if named is not None:
            os.environ[_KEY_LOG] = named


@cache
def client_context() -> ssl.SSLContext:
    """For all connections of the process. Reading the authorities takes a while, which plain HTTP does not wait for."""
    with key_log_unheard():
        context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
