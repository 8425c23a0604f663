"""The rules a row can break → their page."""

from __future__ import annotations

from generator.markdown import code, table
from syncline.errors import RULES


def page() -> str:
    return f"""# Rules

What a row can break before anything is sent; it is `invalid` then. A report names the rule (`rule` in [JSON](json.md)
and in CSV), and tells rows that break the same rule in the same field once. A `rejected` row has no rule: its reason is
the destination's.

{table(["rule", "means"], [(code(rule), words) for rule, words in RULES.items()])}"""
