// Validates an AsyncAPI document as its command line does, and writes what it found: severity 0 is an error.
const { Parser, fromFile } = require("@asyncapi/parser");

fromFile(new Parser(), process.argv[2])
  .parse()
  .then(({ document, diagnostics }) => {
    const channels = document ? document.channels().all().map((channel) => channel.address()) : [];
    const found = diagnostics.map(({ severity, code, message, path }) => ({ severity, code, message, path }));
    process.stdout.write(`${JSON.stringify({ channels, diagnostics: found })}\n`);
  });
