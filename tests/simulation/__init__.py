"""A seed → runs of the real tool under seeded weather, scheduling and deaths, with every promise checked at every step.

Reading order: `clock` (time, and the one place where the product is tampered with), `weather`, `api` and the vendors
(`people`, `vouchers`, `space`), `film` (what happened), `books` (what a ledger says), `invariants` (the promises),
`rows` (a source that changes), `scene` (a seed played), `month` (convergence), `__main__` (`make simulate`).
"""
