"""A local Customer.io: `Customerio` is the ASGI app, `Workspace` its state, `Switches` what nobody knows for certain.

    from syncline.emulators import customerio
    from syncline.emulators.server import Emulator

    with Emulator(customerio.Customerio()) as emulator:
        ...                                             # PUT emulator.url + "/api/v1/customers/7258", as site:key
        emulator.app.workspace.find(customerio.Identifier("id", "7258"))
        emulator.app.log.counts["PUT", "/api/v1/customers/{identifier}", 200]

Reading order: identity → rules → people → profiles → workspace (pure), then track, batch, app, pipelines and page (thin
skins), then service.
"""

from __future__ import annotations

from syncline.emulators.customerio.activities import Activity
from syncline.emulators.customerio.credentials import Credentials
from syncline.emulators.customerio.identity import Identifier, Kind, Mode
from syncline.emulators.customerio.people import Person, Reading
from syncline.emulators.customerio.rules import Violation
from syncline.emulators.customerio.service import NOT_EMULATED, Customerio
from syncline.emulators.customerio.switches import Switches
from syncline.emulators.customerio.workspace import Workspace

__all__ = [
    "NOT_EMULATED",
    "Activity",
    "Credentials",
    "Customerio",
    "Identifier",
    "Kind",
    "Mode",
    "Person",
    "Reading",
    "Switches",
    "Violation",
    "Workspace",
]
