"""What one upload may cost: every number of it, with where it comes from. Nothing here decides anything."""

from __future__ import annotations

from typing import NamedTuple

from syncline.config.read import MAX_BYTES

CONFIGURATION_BYTES = MAX_BYTES  # what a configuration may be, wherever it comes from
FIELD = "inputs"  # the name of every part: the Node service's curl line, which has to go on working


class Limits(NamedTuple):
    """data_bytes: of the data, packed and unpacked (`--max-upload`). The rest is the same for everybody.

    parts, part_headers, head_bytes (all headers of a part), filename_bytes, edge_bytes (what stands before the first
    and behind the last boundary, each), boundary_chars: a form that a client really sends needs 2 parts of 2 headers
    and 200 bytes, and nothing at its edges; parsers that took any number of them were brought down by it
    (https://github.com/advisories/GHSA-pp6c-gr5w-3c5g).
    grace_s, slowest_bytes_s: after so long, so many bytes a second on average; silence_s: what a client that was faster
    may make of that, at most: without it, 50 MB at once would buy 14 hours of silence.
    spare_bytes: what must stay free on the disk; look_every_bytes: how often that is looked at.
    """

    data_bytes: int = 100_000_000
    parts: int = 4
    part_headers: int = 16
    head_bytes: int = 8_000
    filename_bytes: int = 255  # what file systems take
    edge_bytes: int = 1_000
    boundary_chars: int = 70  # https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1
    grace_s: float = 10.0
    slowest_bytes_s: float = 1_000.0
    silence_s: float = 30.0
    spare_bytes: int = 200_000_000
    look_every_bytes: int = 16_000_000

    @property
    def part_bytes(self) -> int:
        """Of one part, before it is known which is the configuration."""
        return max(self.data_bytes, CONFIGURATION_BYTES)

    @property
    def body_bytes(self) -> int:
        """Of a whole request: a configuration, data, and what a form puts around its parts."""
        around = 2 * self.edge_bytes + self.parts * (self.head_bytes + 2 * self.boundary_chars)
        return self.data_bytes + CONFIGURATION_BYTES + around
