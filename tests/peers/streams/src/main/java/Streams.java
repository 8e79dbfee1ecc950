import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * Kafka Streams, exactly once (v2): the keys that were seen stand in a store in memory with its changelog on Kafka.
 *
 * <p>Arguments: servers, source topic, target topic (the application id, too), codec, folder of the state.
 */
public final class Streams {
    static final String SEEN = "seen";
    static final byte[] MARK = {1};

    public static void main(String[] arguments) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[2]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[4]);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        settings.put(StreamsConfig.producerPrefix("compression.type"), arguments[3]);

        Topology topology = new Topology();
        topology.addSource("raw", Serdes.Bytes().deserializer(), Serdes.ByteArray().deserializer(), arguments[1])
                .addProcessor("map", Once::new, "raw")
                .addStateStore(
                        Stores.keyValueStoreBuilder(
                                Stores.inMemoryKeyValueStore(SEEN), Serdes.Bytes(), Serdes.ByteArray()),
                        "map")
                .addSink("out", arguments[2], Serdes.ByteArray().serializer(), Serdes.ByteArray().serializer(), "map");
        KafkaStreams streams = new KafkaStreams(topology, settings);
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }

    /** Maps each record once, by its key. */
    static final class Once implements Processor<Bytes, byte[], byte[], byte[]> {
        private ProcessorContext<byte[], byte[]> context;
        private KeyValueStore<Bytes, byte[]> seen;

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            this.context = context;
            this.seen = context.getStateStore(SEEN);
        }

        @Override
        public void process(Record<Bytes, byte[]> record) {
            if (seen.get(record.key()) != null) {
                return;
            }
            byte[] header = record.headers().lastHeader("headrace").value();
            Mapping.Mapped mapped = Mapping.map(header, record.value());
            record.headers().remove("headrace");
            context.forward(record.withKey(mapped.key()).withValue(mapped.value()));
            seen.put(record.key(), MARK);
        }
    }
}
