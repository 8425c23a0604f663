"""What nobody outside Customer.io knows for certain → a switch with a default. Nothing here is a promise of theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# Each attribute's docstring is a string after it, as Sphinx and editors read them.


@dataclass(frozen=True, slots=True)
class Switches:
    """The unknowns of the contract (its section 11), and settings that differ between workspaces."""

    empty_removes: bool = False
    """`""` removes a person's attribute, as null does. Stated for objects only; never seen live on people."""

    kilobyte: Literal[1000, 1024] = 1000
    """What a KB is in "32 KB an item, 500 KB a request". The stricter reading finds more mistakes."""

    oversize_status: Literal[400, 413] = 400
    """The answer to a v2 request that is too large; not documented."""

    empty_batch_accepted: bool = False
    """`{"batch":[]}` is answered 200 instead of 400; not documented."""

    v1_body_limited: bool = False
    """The 32 KB of a v2 item hold for a v1 identify too; not documented."""

    nested_measured: bool = True
    """The 1000 bytes of a value hold for the JSON text of numbers, booleans, lists and objects too."""

    cap_counts_stored: bool = False
    """The 300 attributes are counted over what a person holds already, not only over one request."""

    email_changes_by_id: bool = False
    """A workspace setting: who is addressed by id may be given another e-mail. Off: only `cio_<cio_id>` may."""

    new_id_takes_over: bool = True
    """An unknown id with the e-mail of a known person: that person gets the new id. Off: a failed attribute change."""

    app_rate: float = 10.0
    """The App API's own limit in requests/s, documented as 10; 0 turns it off."""
