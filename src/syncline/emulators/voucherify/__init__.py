"""A local Voucherify: `Voucherify` is the ASGI app, `Project` its state, `Switches` what nobody knows for certain.

    from syncline.emulators import voucherify
    from syncline.emulators.server import Emulator

    with Emulator(voucherify.Voucherify(action_delay_s=0.2)) as emulator:
        ...                                             # POST emulator.url + "/v1/customers/bulk/async"
        emulator.app.project.find("7258")               # by source_id, or by the vendor's id
        emulator.app.project.sent["7258"]               # how often it was in a request that was accepted
        emulator.app.project.actions.script("failed")   # how the next action ends
        emulator.app.log.counts["POST", "/v1/customers/bulk/async", 202]

Reading order: fields → schema → customers → actions → project → bulks → imports (pure), then results, listing, limits,
api and page (thin skins), then service.
"""

from __future__ import annotations

from syncline.emulators.voucherify.actions import Action, Line
from syncline.emulators.voucherify.customers import Customer
from syncline.emulators.voucherify.ends import End
from syncline.emulators.voucherify.limits import Allowance, allowance
from syncline.emulators.voucherify.project import Credentials, Project
from syncline.emulators.voucherify.schema import Property, Schema, schema_of
from syncline.emulators.voucherify.service import NOT_EMULATED, Voucherify
from syncline.emulators.voucherify.switches import Switches

__all__ = [
    "NOT_EMULATED",
    "Action",
    "Allowance",
    "Credentials",
    "Customer",
    "End",
    "Line",
    "Project",
    "Property",
    "Schema",
    "Switches",
    "Voucherify",
    "allowance",
    "schema_of",
]
