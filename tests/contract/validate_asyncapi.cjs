// Validates AsyncAPI documents as their command line does, and writes a line for each: severity 0 is an error.
const { Parser, fromFile } = require("@asyncapi/parser");

async function validate(file) {
  const { document, diagnostics } = await fromFile(new Parser(), file).parse();
  const channels = document ? document.channels().all().map((channel) => channel.address()) : [];
  return { channels, diagnostics: diagnostics.map(({ severity, code, message }) => ({ severity, code, message })) };
}

(async () => {
  for (const file of process.argv.slice(2)) {
    process.stdout.write(`${JSON.stringify(await validate(file))}\n`);
  }
})();
