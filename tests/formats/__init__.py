"""Golden files: what each version wrote of every private record, and that today's program reads it.

A folder holds what one version wrote, and is never written again once that version is out: `python -m tests.formats`
writes that of today's version. A value of `VALUES` is never changed, only added to: what an older version wrote must go
on meaning the same.
"""
