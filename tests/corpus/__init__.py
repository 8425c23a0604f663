"""Bad input, as data: what is given, and what is to become of it. `tests/BAD_INPUT.md` is the table of it all."""
