import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;

/** Rows of the events list, and webhooks of mailings. */
final class Outreach {
    /** The words of an event, and which reference is the actor (null: none). */
    private record Words(ObjectNode data, String actor) {}

    private static final Map<String, Words> TYPES =
            Map.of(
                    "message_opened",
                    new Words(Parts.of("category", "email", "action", "opened", "channel", "email"), "lead"),
                    "outbound_message",
                    new Words(email("sent", "outbound"), "user"),
                    "inbound_message",
                    new Words(email("received", "inbound"), "lead"),
                    "complete_task",
                    new Words(Parts.of("category", "task", "action", "completed"), null),
                    "prospect_stage_changed",
                    new Words(Parts.of("category", "lead", "action", "stage_changed"), null));
    private static final Map<String, String> REFS =
            Map.of(
                    "mailing", "mailing",
                    "mailbox", "mailbox",
                    "sequence", "sequence",
                    "sequenceState", "sequence_state",
                    "sequenceStep", "sequence_step",
                    "task", "task",
                    "template", "template",
                    "prospect", "lead",
                    "user", "user");
    private static final String[][] CLIENT = {
        {"city", "requestCity"}, {"region", "requestRegion"}, {"host", "requestHost"}, {"device", "requestDevice"}
    };

    static ObjectNode eventRow(ObjectNode nativePart, ObjectNode row) {
        JsonNode attributes = row.get("attributes");
        String name = attributes.get("name").textValue();
        Words words = TYPES.get(name);
        String created = Parts.plain(Parts.text(attributes, "createdAt"));
        String happened = Parts.plain(Parts.text(attributes, "eventAt"));

        ObjectNode data = words.data().deepCopy();
        data.set("proxied", attributes.get("requestProxied"));
        data.put("revised", created);
        ObjectNode refs = data.putObject("refs");
        row.get("relationships").properties().forEach(each -> addRef(refs, each.getKey(), each.getValue().get("data")));
        data.putObject("times").put("occurred", happened).put("created", created);
        data.set("native", nativePart);
        if (words.actor() != null) {
            data.putObject("actor").put("kind", words.actor()).set("id", refs.get(words.actor()));
        }
        ObjectNode client = Parts.NODES.objectNode();
        for (String[] field : CLIENT) {
            Parts.copy(attributes, field[1], client, field[0]);
        }
        if (!client.isEmpty()) {
            data.set("client", client);
        }
        nativePart.put("code", name).put("name", name);
        if (!Parts.isEmpty(attributes.get("mailingId"))) {
            nativePart.putObject("extra").set("mailingId", attributes.get("mailingId"));
        }
        return Parts.enveloped(data, "lead/" + refs.get("lead").textValue(), happened);
    }

    static ObjectNode mailingWebhook(ObjectNode nativePart, ObjectNode body) {
        JsonNode mailing = body.get("data");
        JsonNode meta = body.get("meta");
        JsonNode attributes = mailing.get("attributes");
        String happened = Parts.plain(Parts.text(attributes, "stateChangedAt"));

        ObjectNode data = email("drafted", "outbound");
        data.put("revised", Parts.plain(Parts.text(attributes, "updatedAt")));
        ObjectNode refs = data.putObject("refs");
        addRef(refs, "mailing", mailing);
        mailing.get("relationships").properties().forEach(each -> addRef(refs, each.getKey(), each.getValue()));
        data.putObject("times")
                .put("scheduled", Parts.plain(Parts.text(attributes, "scheduledAt")))
                .put("created", Parts.plain(Parts.text(attributes, "createdAt")))
                .put("occurred", happened);
        data.set("fields", attributes);
        data.set("native", nativePart);
        nativePart.set("code", meta.get("eventName"));
        nativePart.set("name", meta.get("eventName"));
        nativePart.set("status", attributes.get("state"));
        nativePart.putObject("extra").set("deliveredAt", meta.get("deliveredAt"));
        return Parts.enveloped(data, "lead/" + refs.get("lead").textValue(), happened);
    }

    private static ObjectNode email(String action, String direction) {
        return Parts.of("category", "email", "action", action, "direction", direction, "channel", "email");
    }

    private static void addRef(ObjectNode refs, String name, JsonNode of) {
        if (!of.isNull()) {
            refs.put(REFS.get(name), of.get("id").asText());
        }
    }
}
