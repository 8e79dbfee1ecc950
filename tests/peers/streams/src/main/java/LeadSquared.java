import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;
import java.util.Set;

/** Rows and webhooks of activities, and changes of leads. */
final class LeadSquared {
    private static final Map<String, ObjectNode> TYPES =
            Map.of(
                    "22/Answered",
                    Parts.of("category", "call", "action", "completed", "direction", "outbound", "channel", "voice"),
                    "2/null",
                    Parts.of("category", "web", "action", "page_viewed"),
                    "164/Active",
                    Parts.of("category", "custom", "action", "logged"));
    private static final String VISIT = "2";
    private static final String CALL = "22";
    private static final String[] BESIDE = {
        "ActivityType", "ActivityScore", "IsEmailType", "Type", "SessionId", "TrackLocation", "Latitude", "Longitude"
    };
    private static final Set<String> OF_DATA = Set.of("EventName", "NotableEventDescription", "CreatedByName");
    private static final Set<String> OF_FIELDS = Set.of("Status", "Owner", "CreatedBy");
    private static final Set<String> OF_CALLS = Set.of("Status", "Owner", "CreatedBy", "mx_Custom_2", "mx_Custom_3");
    private static final Set<String> OF_LEADS = Set.of("ProspectID", "OwnerId", "CreatedOn", "ModifiedOn");
    private static final String NOTE = "ActivityEvent_Note";

    static ObjectNode activityRow(ObjectNode nativePart, ObjectNode row) {
        String code = row.get("EventCode").asText();
        String lead = Parts.text(row, "RelatedProspectId");
        String created = Parts.plain(Parts.text(row, "CreatedOn"));
        JsonNode custom = row.path("ActivityFields");
        ObjectNode pairs = Parts.NODES.objectNode();
        row.get("Data").forEach(pair -> pairs.set(pair.get("Key").textValue(), pair.get("Value")));

        ObjectNode data = words(code, custom);
        data.put("revised", Parts.plain(Parts.text(row, "ModifiedOn")));
        ObjectNode times = data.putObject("times").put("created", created);
        data.set("title", row.get("EventName"));
        data.set("native", nativePart);
        ObjectNode refs = data.putObject("refs").put("lead", lead);
        Parts.copy(custom, "Owner", refs, "owner");
        Parts.copy(pairs, "NotableEventDescription", data, "text");
        addCustomFields(data, code, custom);
        addActor(data, code, lead, custom, pairs);
        if (code.equals(CALL)) {
            times.put("occurred", american(Parts.text(custom, "mx_Custom_2")));
        }
        nativePart.put("code", code).set("name", row.get("EventName"));
        Parts.copy(custom, "Status", nativePart, "status");
        ObjectNode extra = nativePart.putObject("extra");
        for (String name : BESIDE) {
            extra.set(name, row.get(name));
        }
        pairs.properties().forEach(pair -> {
            if (!Parts.isEmpty(pair.getValue()) && !OF_DATA.contains(pair.getKey())) {
                extra.set("Data." + pair.getKey(), pair.getValue());
            }
        });
        Parts.copy(custom, NOTE, extra, NOTE);
        return Parts.enveloped(data, "lead/" + lead, created);
    }

    static ObjectNode activityWebhook(ObjectNode nativePart, ObjectNode body) {
        String code = Parts.text(body, "ActivityEvent");
        String lead = Parts.text(body, "RelatedProspectId");
        String created = Parts.plain(Parts.text(body, "CreatedOn"));
        ObjectNode custom = (ObjectNode) body.get("Data");
        custom.set(NOTE, custom.remove("Note"));

        ObjectNode data = words(code, custom);
        data.putObject("refs").put("lead", lead).set("owner", custom.get("Owner"));
        data.putObject("actor").put("kind", "user").set("id", body.get("CreatedBy"));
        data.putObject("times")
                .put("created", created)
                .put("occurred", Parts.plain(Parts.text(custom, "mx_Custom_2")));
        data.set("title", body.get("ActivityEventName"));
        data.set("native", nativePart);
        addCustomFields(data, code, custom);
        nativePart.put("code", code).set("name", body.get("ActivityEventName"));
        nativePart.set("status", custom.get("Status"));
        ObjectNode extra = nativePart.putObject("extra");
        extra.set("ActivityType", body.get("ActivityType"));
        extra.set("Score", body.get("Score"));
        extra.set(NOTE, custom.get(NOTE));
        return Parts.enveloped(data, "lead/" + lead, created);
    }

    static ObjectNode leadChange(ObjectNode nativePart, ObjectNode body) {
        JsonNode before = body.get("Before");
        JsonNode after = body.get("After");
        String lead = Parts.text(after, "ProspectID");
        String modified = Parts.plain(Parts.text(after, "ModifiedOn"));

        ObjectNode data = Parts.of("category", "lead", "action", "stage_changed", "revised", modified);
        data.putObject("refs").put("lead", lead).set("owner", after.get("OwnerId"));
        data.putObject("times").put("created", Parts.plain(Parts.text(after, "CreatedOn")));
        ObjectNode change = data.putObject("change").put("field", "stage");
        change.set("from", before.get("ProspectStage"));
        change.set("to", after.get("ProspectStage"));
        data.set("native", nativePart);
        nativePart.put("code", "lead_stage_changed");
        ObjectNode extra = nativePart.putObject("extra");
        ArrayNode changed = extra.putArray("Changed");
        ObjectNode old = extra.putObject("Before");
        ObjectNode fields = data.putObject("fields");
        after.properties().forEach(field -> {
            if (!field.getValue().equals(before.get(field.getKey()))) {
                changed.add(field.getKey());
                old.set(field.getKey(), before.get(field.getKey()));
            }
            if (!Parts.isEmpty(field.getValue()) && !OF_LEADS.contains(field.getKey())) {
                fields.set(field.getKey(), field.getValue());
            }
        });
        return Parts.enveloped(data, "lead/" + lead, modified);
    }

    /** Returns `11/20/2026 9:12:39 AM` as the canonical time. */
    static String american(String text) {
        String[] parts = text.split(" ");
        String[] date = parts[0].split("/");
        String[] clock = parts[1].split(":");
        int hour = Integer.parseInt(clock[0]) % 12 + (parts[2].equals("PM") ? 12 : 0);
        return date[2] + "-" + two(date[0]) + "-" + two(date[1]) + "T" + two(Integer.toString(hour)) + ":" + clock[1]
                + ":" + clock[2] + "Z";
    }

    private static String two(String digits) {
        return digits.length() == 1 ? "0" + digits : digits;
    }

    private static ObjectNode words(String code, JsonNode custom) {
        return TYPES.get(code + "/" + Parts.text(custom, "Status")).deepCopy();
    }

    private static void addCustomFields(ObjectNode data, String code, JsonNode custom) {
        Set<String> taken = code.equals(CALL) ? OF_CALLS : OF_FIELDS;
        ObjectNode fields = Parts.NODES.objectNode();
        custom.properties().forEach(field -> {
            if (!Parts.isEmpty(field.getValue()) && !taken.contains(field.getKey())) {
                fields.set(field.getKey(), unpacked(field.getValue()));
            }
        });
        if (!fields.isEmpty()) {
            data.set("fields", fields);
        }
        if (code.equals(CALL)) {
            data.put("duration_seconds", Integer.parseInt(Parts.text(custom, "mx_Custom_3")));
        }
    }

    /** Returns a text, or the pairs or the object that it packs. */
    private static JsonNode unpacked(JsonNode value) {
        String text = value.textValue();
        if (text.contains("{=}")) {
            ObjectNode pairs = Parts.NODES.objectNode();
            for (int at = 0, end; at < text.length(); at = end + 6) {
                end = text.indexOf("{next}", at);
                int middle = text.indexOf("{=}", at);
                if (middle + 3 < end) {
                    pairs.put(text.substring(at, middle), text.substring(middle + 3, end));
                }
            }
            return pairs;
        }
        if (!text.startsWith("{")) {
            return value;
        }
        try {
            return Mapping.JSON.readTree(text);
        } catch (JsonProcessingException error) {
            throw new IllegalArgumentException(error);
        }
    }

    private static void addActor(ObjectNode data, String code, String lead, JsonNode custom, JsonNode pairs) {
        if (code.equals(VISIT)) {
            data.set("actor", Parts.of("kind", "lead", "id", lead));
        } else if (Parts.text(custom, "CreatedBy") != null) {
            data.set("actor", Parts.of("kind", "user", "id", Parts.text(custom, "CreatedBy")));
        } else {
            data.set("actor", Parts.of("kind", "user", "name", Parts.text(pairs, "CreatedByName")));
        }
    }
}
