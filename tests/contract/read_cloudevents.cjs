// Reads Kafka records, one a line of JSON with headers, key and value, and writes what the SDK makes of each.
const { Kafka } = require("cloudevents");
const lines = require("node:readline").createInterface({ input: process.stdin });

function read(message) {
  try {
    const event = Kafka.toEvent({ ...message, body: message.value });
    event.validate();
    return { event };
  } catch (error) {
    return { error: `${error.name}: ${error.message}` };
  }
}

lines.on("line", (line) => process.stdout.write(`${JSON.stringify(read(JSON.parse(line)))}\n`));
