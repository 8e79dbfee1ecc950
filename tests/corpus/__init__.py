"""A recorded corpus: raw records of all shapes, and the digests of what the normalizer makes of them.

`make test` runs it; `python -m tests.corpus --show BLOCK` writes inputs and outputs of one block for comparison with
another checkout, `python -m tests.corpus --record` records anew after a wanted change.
"""
