"""A reader and a number → so many inputs tried, and the smallest one that it does not stand."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, given, seed, settings

from fuzz.readers import Reader

_PHASES = (Phase.explicit, Phase.generate, Phase.shrink)  # nothing is kept from one round to the next
_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]  # a machine under load is no reason to stop


def tried(reader: Reader, inputs: int, number: int) -> None:
    """The same number tries the same inputs. Raises what the check raises, and says for which input."""

    @seed(number)
    @settings(max_examples=inputs, deadline=None, database=None, phases=_PHASES, suppress_health_check=_SLOW)
    @given(reader.inputs)
    def check(given: object) -> None:
        reader.check(given)

    check()
