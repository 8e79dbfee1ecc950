import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** The mapping of README.md: the header and the value of a raw record become the reduced event. */
final class Mapping {
    static final ObjectMapper JSON = new ObjectMapper();

    /** What is written. */
    record Mapped(byte[] key, byte[] value) {}

    /** One kind: `native` as far as the header fills it, and the body. */
    interface Kind {
        ObjectNode event(ObjectNode nativePart, ObjectNode body);
    }

    static final Map<String, Kind> KINDS =
            Map.of(
                    "leadsquared/lead-activity", LeadSquared::activityRow,
                    "leadsquared/webhook-activity", LeadSquared::activityWebhook,
                    "leadsquared/lead-change", LeadSquared::leadChange,
                    "leadping/row", LeadPing::messageRow,
                    "leadping/bundle", LeadPing::bundle,
                    "leadping/call", LeadPing::callRecord,
                    "outreach/event", Outreach::eventRow,
                    "outreach/webhook", Outreach::mailingWebhook);

    static Mapped map(byte[] header, byte[] value) {
        try {
            JsonNode about = JSON.readTree(header, 1, header.length - 1);
            String provider = about.get("provider").textValue();
            String tenant = about.get("tenant").textValue();
            String resource = about.get("resource").textValue();
            String id = about.get("id").textValue();
            ObjectNode nativePart = JSON.createObjectNode();
            nativePart.put("provider", provider).put("tenant", tenant).put("resource", resource).put("id", id);
            ObjectNode body = (ObjectNode) JSON.readTree(value);
            Kind kind = KINDS.get(provider + "/" + about.get("shape").textValue());
            ObjectNode event = kind.event(nativePart, body);
            String source = "/" + provider + "/" + tenant;
            event.put("id", resource + "/" + id).put("source", source);
            String key = source + "/" + event.get("subject").textValue();
            return new Mapped(key.getBytes(StandardCharsets.UTF_8), JSON.writeValueAsBytes(event));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
