import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;

/**
 * Writes the latest event of every record to a topic of your own, which should be compacted: the key is
 * [source, native.resource, native.id] as JSON, the value the whole event.
 *
 * <p>Arguments: bootstrap servers, topic of events, topic of yours, application id.
 */
public final class Latest {
  private static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] args) {
    var settings = new Properties();
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, args[3]);
    // Exactly once into the topic; and what Headrace rolled back is not read.
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    var streams = new KafkaStreams(latest(args[1], args[2]), settings);
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
  }

  static Topology latest(String events, String latest) {
    var builder = new StreamsBuilder();
    builder.stream(events, Consumed.with(Serdes.String(), event()))
        .selectKey((key, event) -> recordOf(event)) // by lead before, by record from here on
        .groupByKey(Grouped.with(Serdes.String(), event()))
        .reduce(Latest::later, Materialized.with(Serdes.String(), event()))
        .toStream()
        .to(latest, Produced.with(Serdes.String(), event()));
    return builder.build();
  }

  static String recordOf(JsonNode event) {
    var record = event.at("/data/native");
    var names = JsonNodeFactory.instance.arrayNode();
    return names.add(event.get("source")).add(record.get("resource")).add(record.get("id")).toString();
  }

  /** The later `revised` wins; where it is equal, or one has none, what was published later. */
  static JsonNode later(JsonNode old, JsonNode event) {
    var before = old.at("/data/revised");
    var revised = event.at("/data/revised");
    var order = before.isMissingNode() || revised.isMissingNode() ? 0 : instant(revised).compareTo(instant(before));
    if (order == 0) {
      order = instant(event.get("recordedtime")).compareTo(instant(old.get("recordedtime")));
    }
    return order < 0 ? old : event;
  }

  static Instant instant(JsonNode time) {
    return Instant.parse(time.textValue());
  }

  static Serde<JsonNode> event() {
    return Serdes.serdeFrom((topic, event) -> bytes(event), (topic, value) -> tree(value));
  }

  static byte[] bytes(JsonNode event) {
    try {
      return event == null ? null : JSON.writeValueAsBytes(event);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  static JsonNode tree(byte[] value) {
    try {
      return value == null ? null : JSON.readTree(value);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }
}
