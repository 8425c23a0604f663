"""Who is trusted over TLS, and that nobody is given its keys, whatever the environment asks for."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from pathlib import Path

import click
import pytest
import trustme

from faulted import begin, end, rows
from faultserver import FaultServer
from syncline.cli import VERBS, cli
from syncline.config.schema import schema
from syncline.tls import client_context, key_log_unheard

_TURNS_IT_OFF = re.compile(r"insecure|verify|no.?check|skip.?tls|trust.?all|unsafe", re.IGNORECASE)


def test_certificates_and_names_are_checked_and_nothing_below_tls_1_2_is_spoken() -> None:
    context = client_context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.keylog_filename is None


def _keys(schema: object) -> set[str]:
    if isinstance(schema, list):
        return {key for one in schema for key in _keys(one)}
    if not isinstance(schema, Mapping):
        return set()
    own = set(schema.get("properties", {})) if isinstance(schema.get("properties"), Mapping) else set()
    return own | {key for one in schema.values() for key in _keys(one)}


def test_no_option_and_no_key_of_a_configuration_turns_it_off() -> None:
    """But for the service's own listener, which may leave TLS to a proxy in front of it."""
    root = click.Context(cli)
    verbs = [cli.get_command(root, name) for name in VERBS]
    options = {name for verb in verbs if verb for option in verb.params for name in option.opts}
    assert "--data" in options
    assert {name for name in options if _TURNS_IT_OFF.search(name)} == {"--insecure-plain-http"}
    keys = _keys(schema())
    assert "baseUrl" in keys
    assert {key for key in keys if _TURNS_IT_OFF.search(key)} == set()


@pytest.mark.parametrize("place", ["keys.txt", "no/such/folder/keys.txt"])
def test_the_keys_of_a_connection_are_written_nowhere(place: str, tmp_path: Path) -> None:
    """SSLKEYLOGFILE is not used; nor does a name that cannot be written keep anything from working."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("127.0.0.1").configure_cert(context)
    environment = {"SSL_CERT_FILE": str(tmp_path / "ca.pem"), "SSLKEYLOGFILE": str(tmp_path / place)}
    with FaultServer(tls=context) as server:
        ended = end(begin(tmp_path, server.url, rows(5), env=environment))
        assert (ended.code, len(server.people)) == (0, 5), ended.stderr
    assert not (tmp_path / place).exists()


def test_such_a_log_would_be_written_by_a_context_as_python_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without this the test before could not fail. Whoever else makes a context finds the variable as it was."""
    log = tmp_path / "keys.txt"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    with key_log_unheard():
        assert ssl.create_default_context().keylog_filename is None
        assert not log.exists()
    assert ssl.create_default_context().keylog_filename == str(log)
    assert log.exists()
