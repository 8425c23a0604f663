"""A small run, killed at every system call that it makes, and what becomes of it: fault matrix rows 54 and 55.

`story.py` is what happens in one trial and how it is written down, `ways.py` the four vendors' ways that are tried,
`scene.py` one way's folder and vendors, `remains.py` what a dead process left on the disk, `trial.py` plays a story and
checks every promise, `farm.py` plays many. `make crashes` plays all; `test_crash_points.py` a part of them.
"""
