"""Odd input for every reader. `make test` tries a little of it each time, `make fuzz` as much as there is time for."""
