// Reads Kafka records, one a line of JSON with headers, key and value, and writes what the SDK makes of each.
const { Kafka } = require("cloudevents");
const lines = require("node:readline").createInterface({ input: process.stdin });

lines.on("line", (line) => {
  const message = JSON.parse(line);
  const event = Kafka.toEvent({ ...message, body: message.value });
  event.validate();
  process.stdout.write(`${JSON.stringify(event)}\n`);
});
