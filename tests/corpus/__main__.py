"""`python -m tests.corpus`: record the corpus, or show a block of it for comparison with another checkout.

- `python -m tests.corpus --show 17 > new.txt`
- `PYTHONPATH=../other/service:../other/schemas python -m tests.corpus --show 17 > old.txt`
"""

import argparse
import sys
from itertools import islice

from tests.corpus import recorded
from tests.corpus.outputs import Corpus, Output


def main() -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpus", description="The recorded corpus.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--show", type=int, metavar="BLOCK", help="write inputs and outputs of a block")
    what.add_argument("--record", action="store_true", help="write the digests anew, after a wanted change")
    arguments = parser.parse_args()
    if arguments.record:
        recorded.write(recorded.blocks(Corpus().outputs()))
        return
    first = arguments.show * recorded.BLOCK
    for number, output in enumerate(islice(Corpus().outputs(), first, first + recorded.BLOCK), first):
        sys.stdout.write(shown(number, output))


def shown(number: int, output: Output) -> str:
    """Return one record and what came of it, a line each."""
    raw = output.input.raw
    lines = [
        f"== {number}: {raw.provider} {raw.tenant} {raw.shape} {raw.via} {raw.hint}".rstrip(),
        f"   value    {text(output.input.out.value)}",
        *(f"   {name:8} {text(value)}" for name, value in output.input.out.headers),
        f"   decision {output.decision}",
    ]
    for out in output.written:
        lines += [f"   key      {text(out.key)}", f"   becomes  {text(out.value)}"]
        lines += [f"   header   {name}: {text(value)}" for name, value in out.headers]
    if output.commit:
        lines.append(f"   commit   {output.commit}")
    return "\n".join(lines) + "\n"


def text(data: bytes) -> str:
    """Return bytes as they are read best, on one line."""
    found = data.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in found)


if __name__ == "__main__":
    main()
