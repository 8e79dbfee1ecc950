// Keep the latest event of every record in memory, and print each as it changes, one a line:
//   node latest.js localhost:9092 headrace.events my-group
// The memory is built from the topic at each start; no offsets are committed.
import { Kafka, logLevel } from 'kafkajs';

const [brokers, topic, groupId] = process.argv.slice(2);
const kafka = new Kafka({ clientId: groupId, brokers: brokers.split(','), logLevel: logLevel.WARN });
const consumer = kafka.consumer({ groupId, readUncommitted: false }); // false is the default
const latest = new Map();

// The later `revised` wins; where it is equal, or one has none, what was published later. Compared as instants.
function replaces(event, old) {
  const [revised, before] = [event, old].map(({ data }) => Date.parse(data.revised)); // NaN where there is none
  if (revised < before || revised > before) return revised > before;
  return Date.parse(event.recordedtime) >= Date.parse(old.recordedtime);
}

async function eachMessage({ message }) {
  const event = JSON.parse(message.value.toString());
  const key = JSON.stringify([event.source, event.data.native.resource, event.data.native.id]);
  const old = latest.get(key);
  if (old && !replaces(event, old)) return;
  latest.set(key, event);
  console.log(JSON.stringify(event));
}

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => consumer.disconnect().finally(() => process.exit()));
await consumer.connect();
await consumer.subscribe({ topics: [topic], fromBeginning: true });
await consumer.run({ autoCommit: false, eachMessage });
