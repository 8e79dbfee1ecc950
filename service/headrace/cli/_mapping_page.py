"""MAPPING.md: what a mapping can say, for people who write one. `python -m headrace.cli._mapping_page` writes it.

A provider whose folder has an `example/` (a mapping of one row, and the body of a webhook) is walked through, with what
the commands really print.
"""

import json
import re
import shutil
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import chdir
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from click.testing import CliRunner

import headrace
from headrace import providers
from headrace.cli import main
from headrace.cli._mapping_parts import parts
from headrace.cli._markdown import markdown_table
from headrace.core.mapping_keys import STATUS_KEYS
from headrace.providers.discover import discover

_LEFT_OUT: Final = ("category", "action", "refs", "native", "provenance")
_OF_NATIVE: Final = ("code", "status")
"""What the walk shows of an event, beside what its row decides."""

PAGE: Final = Path(headrace.__file__).parents[2] / "MAPPING.md"

_PROVIDERS: Final = "service/headrace/providers"
_HEAD: Final = """\
# What a mapping can say

<!-- Made by `python -m headrace.cli._mapping_page` from the code: change it there. -->

Each platform names what happens by codes of its own: a number, a name. A *mapping* says which word of Headrace a code
stands for. Every provider brings a table for the codes that mean the same in all accounts. What your account has made
up, only you know: until a file of yours says what such a code means, its events are `unmapped` (or, where the provider
knows at least that it is an account's own, `custom.logged` and provisional). Nothing is lost meanwhile, and nothing is
guessed.

- [Map a code of your own](#map-a-code-of-your-own): five steps, ten minutes, no Kafka
- [How a row is found](#how-a-row-is-found)
- All that may be written, as `headrace taxonomy targets` prints it:
{contents}
"""

_STEPS: Final = """\
## Map a code of your own

The code here is {code} of {provider}, which somebody made up for visits to a showroom. The two files of this walk are
in [`{folder}`]({folder}).

**1. Look at one record.** Take the body of a webhook or a page of the API as a file. (Where Headrace runs already,
`headrace taxonomy unmapped` lists the codes that came in without a row, and how often, and `headrace taxonomy draft`
writes a row for each.) Ask what becomes of it:

```
{before}
```

(What a row does not decide is left out here.) The code stands under `native`, beside the status word. Under `fields`
stand the native fields: these names are what a mapping moves.

**2. Write a mapping**, here `{mapping}`. One `[[row]]` says what one code means; a file has as many as you need.

```toml
{toml}```

Read it as: code {code} is a meeting that was scheduled; where the record's status is "Visited", it was held, and where
it is "No show", it was canceled. `lift` moves four fields: three to places that every consumer of events knows, one to
a better name of your own. `fields` adds a constant.

**3. Name the file** in `headrace.toml`, in the section of the tenant whose codes these are; the path is relative to
that file:

```toml
{settings}```

**4. Check it.** Every slip is shown, all at once, each with file and line, with what was probably meant and what is
allowed. With "txet" for "text":

```
{slip}
```

And without it:

```
{check}
```

The last lines say what those places take that do not take everything. Whether your values fit shows only in records.

**5. Look again**, now as this tenant:

```
{after}
```

The row is yours. Two fields stand in their places, one has its better name, and `place` is there. One did not fit:
"about 12500" is no decimal number. It is neither guessed nor lost: it stays where it was, and the line `lift` says so.

Headrace takes the file over within seconds. What comes in from then on is read by your row; what was published before
stays as it is until you want it otherwise: `headrace replay -p {provider} -t acme --code {code}` shows what would
change, and with `--yes` publishes that anew.
"""

_FOUND: Final = """\
## How a row is found

1. By its code. A row of the tenant's comes before one of the provider's and replaces it whole; in one file a row with
   `name` comes before one without. A code that stands in a row comes before all ranges that it lies in. Codes, names
   and status words are compared without case and separators: `In Progress`, `in_progress` and `InProgress` are one
   word. A number is a number: `-1` is not `1`, nor `0150` 150.
2. Where the record has a status word and the row knows it (under `status`, or in its set of `words`), that word's keys
   apply. It must say its `type`; what else it leaves out it has from the row, but never the `outcome`. It may say
   {keys}.
   What counts as the status word, its README says for each kind of record ({readmes}); `times.…` is a milestone.
3. Without any row the event is `unmapped`, with code, name and status under `native`.

A set of status words that several rows share stands once in the file, and rows name it:

```toml
[words.visit]
Visited = "meeting.held"
"No show" = {{ type = "meeting.canceled", outcome = "canceled" }}

[[row]]
code = ["212", "213"]
type = "meeting.scheduled"
words = "visit"

[[row]]
code = "220-229"             # a range: all that is known of them is that they are visits
type = "meeting.held"
provisional = true           # so `headrace taxonomy unmapped` goes on listing them
```

A code may stand in one row of a file, and once more for each `name`. What your file does not say is as the table of the
provider has it: {tables}.
"""


def page() -> str:
    """Return the page: the walk, the rules, the lists."""
    lists = list(parts())
    contents = "\n".join(f"  - [{part.title}](#{part.title.replace(' ', '-')})" for part in lists)
    tables = ["\n".join(markdown_table(part.columns, part.rows)) for part in lists]
    chapters = [f"## {part.title}\n\n{part.note}\n\n{rows}\n" for part, rows in zip(lists, tables, strict=True)]
    found = _FOUND.format(
        keys=", ".join(f"`{key}`" for key in STATUS_KEYS),
        readmes=", ".join(f"[`{name}`]({_PROVIDERS}/{name}/README.md)" for name in discover()),
        tables=", ".join(f"[`{name}`]({_PROVIDERS}/{name}/mapping.toml)" for name in discover()),
    )
    return "\n".join((_HEAD.format(contents=contents), *_walks(), found, *chapters))


def _printed(*words: str) -> str:
    """Return a command with what it prints; of an event, what a row decides."""
    done = CliRunner(env={"HEADRACE_CONFIG": None, "COLUMNS": "100"}).invoke(main, words, catch_exceptions=False)
    text, brace, event = done.output.partition("\n{")
    if not brace:
        return f"$ headrace {' '.join(words)}\n{done.output.rstrip()}"
    found, _ = json.JSONDecoder().raw_decode(brace.strip() + event)
    data = {key: value for key, value in found["data"].items() if key not in _LEFT_OUT}
    data["native"] = {key: found["data"]["native"][key] for key in _OF_NATIVE}
    shown = json.dumps({"type": found["type"], "data": data}, indent=2, ensure_ascii=False)
    return f"$ headrace {' '.join(words)}\n{text}\n{shown}"


def _walks() -> Iterator[str]:
    for name in discover():
        folder = files(f"{providers.__name__}.{name}") / "example"
        if folder.is_dir():
            with as_file(folder) as path:
                yield _walk(name, path)


def _walk(provider: str, folder: Path) -> str:
    """Return the steps with the provider's example: one mapping of a row and one body."""
    (mapping,), (body,) = folder.glob("*.toml"), folder.glob("*.json")
    tenant = mapping.stem
    settings = f'[tenants.{provider}.{tenant}]\nmapping = "{mapping.name}"\n'
    with tempfile.TemporaryDirectory() as home, chdir(home):
        for file in (mapping, body):
            shutil.copy(file, home)
        Path("headrace.toml").write_text(settings, "utf-8")
        before = _printed("explain", "-p", provider, body.name)
        check = _printed("check")
        Path(mapping.name).write_text(mapping.read_text("utf-8").replace('"text"', '"txet"'), "utf-8")
        slip = _printed("check")
        shutil.copy(mapping, home)
        after = _printed("explain", "-p", provider, "-t", tenant, body.name)
    (row,) = tomllib.loads(mapping.read_text("utf-8"))["row"]
    return _STEPS.format(
        provider=provider,
        code=row["code"],
        folder=f"{_PROVIDERS}/{provider}/{folder.name}",
        before=before,
        mapping=mapping.name,
        toml=mapping.read_text("utf-8"),
        settings=settings,
        slip=slip,
        check=re.sub(r"\n\n.*\n\n", "\n…\n", check, flags=re.DOTALL),
        after=after,
    )


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
