"""`syncline serve`: the sync as an HTTP service, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import gc
import ipaddress
import os
import re
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import rich_click as click

from syncline.config.uploaded import listed
from syncline.service.assembly import Told, opened
from syncline.service.limits import Limits
from syncline.service.server import Certificate, check, listen, serve
from syncline.service.tokens import TokenUnfit, made_up, read_token

_HOST_HELP = "The address to listen on (default: this machine alone). Any other needs a token, and TLS."
_WHO_HELP = (
    "Only who sends the token in FILE (32 characters or more) is answered. You are warned if others may read it."
)
_ALLOW_URL_HELP = "An origin that uploaded configurations may name besides the vendors' own; may be repeated."
_ALLOW_HOST_HELP = "A name by which the service may be called besides localhost; may be repeated."
_INSECURE_HELP = "Listen beyond this machine without TLS: whoever is on the way reads tokens, credentials and people."
_UNITS = {"": 1, "B": 1, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}


class Size(click.ParamType[int]):
    """`100MB` → bytes."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"([0-9]{1,15})\s*([KMG]?B)?", str(value).strip().upper())
        size = int(match[1]) * _UNITS[match[2] or ""] if match else 0
        if not size:
            self.fail(f"{value} is no size; write it like 100MB", param, ctx)
        return size


@click.command(name="serve")
@click.option("--host", default="", metavar="ADDRESS", help=_HOST_HELP)
@click.option("--port", type=click.IntRange(0, 65535), default=3000, show_default=True, help="0 picks a free one.")
@click.option("--token-file", type=click.Path(path_type=Path), metavar="FILE", help=_WHO_HELP)
@click.option("--tls-cert", metavar="FILE", help="The certificate, with its chain, in PEM.")
@click.option("--tls-key", metavar="FILE", help="Its private key, in PEM.")
@click.option("--insecure-plain-http", is_flag=True, help=_INSECURE_HELP)
@click.option("--allow-host", "names", multiple=True, metavar="NAME", help=_ALLOW_HOST_HELP)
@click.option("--allow-origin-url", "origins", multiple=True, metavar="URL", help=_ALLOW_URL_HELP)
@click.option(
    "--state-dir", type=click.Path(path_type=Path), metavar="DIR", help="Where ledgers live (default: .syncline here)."
)
@click.option(
    "--max-upload", type=Size(), default="100MB", show_default=True, help="The largest data, also when unpacked."
)
def command(
    host: str,
    port: int,
    token_file: Path | None,
    tls_cert: str | None,
    tls_key: str | None,
    insecure_plain_http: bool,
    names: tuple[str, ...],
    origins: tuple[str, ...],
    state_dir: Path | None,
    max_upload: int,
) -> int:
    """The sync as an HTTP service: what `curl --request PUT --form inputs=@… --form inputs=@…` uploads is run.

    Its ledgers are those of `syncline run` for the same names. CIO_APP_API_KEY lets it look people up.
    """
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)  # as a run has it: millions of short-lived tuples and nothing cyclic
    certificate = _certificate(tls_cert, tls_key)
    is_here = _is_loopback(host)
    if not is_here and certificate is None and not insecure_plain_http:
        raise click.UsageError(
            f"{host} can be reached from other machines, and what travels there is credentials and people: give"
            " --tls-cert and --tls-key (or --insecure-plain-http, if something in front of it does that)"
        )
    told = Told(
        (state_dir or Path(".syncline")).absolute(),
        os.environ,
        Limits(data_bytes=max_upload),
        listed(origins),
        _names(host, names),
        _token(token_file, is_needed=not is_here),
    )
    try:
        listeners = listen(host, port)
    except OSError as error:
        raise click.UsageError(f"cannot listen on {host or '127.0.0.1'}:{port}: {error.strerror}") from None
    with ExitStack() as open_sockets, opened(told) as service:
        for listener in listeners:
            open_sockets.enter_context(listener)
        code = serve(service.app, listeners, certificate, lambda: _tell(listeners, certificate, told), service.ending)
        if code:
            # What did not end must not hold up the process. Its ledger tells the next one how it stands.
            os._exit(code)
    return 0


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("", "localhost")


def _certificate(chain: str | None, key: str | None) -> Certificate | None:
    if chain is None and key is None:
        return None
    if chain is None or key is None:
        raise click.UsageError("TLS takes both --tls-cert and --tls-key")
    certificate = Certificate(chain, key)
    try:
        check(certificate)
    except OSError as error:
        raise click.UsageError(f"{chain} and {key} are no certificate and its key: {error.strerror}") from None
    return certificate


def _token(file: Path | None, *, is_needed: bool) -> str:
    """The one in the file; where one is needed and none was given, one that is told once."""
    if file is None and not is_needed:
        return ""
    if file is None:
        token = made_up()
        click.echo(f"token, for `Authorization: Bearer`, until this ends: {token}", err=True)
        return token
    try:
        token, warning = read_token(file)
    except TokenUnfit as unfit:
        raise click.UsageError(f"--token-file: {unfit}") from None
    if warning:
        click.echo(f"warning: {warning}", err=True)
    return token


def _names(host: str, names: tuple[str, ...]) -> frozenset[str]:
    """As a Host header has them."""
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\]", name):
            raise click.UsageError(f"--allow-host: {name} is no host name; write it without a port")
    own = "" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104 # compared only
    return frozenset(name.lower() for name in (*names, own) if name)


def _tell(listeners: Sequence[socket.socket], certificate: Certificate | None, told: Told) -> None:
    """On stdout, once: what happens later is told on stderr, as lines of JSON."""
    scheme = "https" if certificate else "http"
    for listener in listeners:
        host, port = listener.getsockname()[:2]
        click.echo(f"listening at {scheme}://{f'[{host}]' if ':' in host else host}:{port}")
    click.echo(f"ledgers are in {told.state_dir}; Ctrl-C ends it")
    if sys.stdout is not None:
        sys.stdout.flush()
