import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** What the three platforms share. */
final class Parts {
    static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    /** Returns an object of these names and texts in turn. */
    static ObjectNode of(String... pairs) {
        ObjectNode node = NODES.objectNode();
        for (int i = 0; i < pairs.length; i += 2) {
            node.put(pairs[i], pairs[i + 1]);
        }
        return node;
    }

    /** Returns the text of a member, null where there is none. */
    static String text(JsonNode node, String name) {
        JsonNode value = node == null ? null : node.get(name);
        return value == null || value.isNull() ? null : value.asText();
    }

    static boolean isEmpty(JsonNode value) {
        return value == null || value.isNull() || value.isTextual() && value.textValue().isEmpty();
    }

    /** Copies a member under another name, unless there is none. */
    static void copy(JsonNode from, String name, ObjectNode to, String as) {
        JsonNode value = from.get(name);
        if (!isEmpty(value)) {
            to.set(as, value);
        }
    }

    /** Returns a time of the platforms as the canonical one: UTC, and no zeros for a fraction. */
    static String plain(String text) {
        if (text.length() == 19) {
            return text.substring(0, 10) + "T" + text.substring(11) + "Z";
        }
        return text.endsWith(".000Z") ? text.substring(0, 19) + "Z" : text;
    }

    static ObjectNode enveloped(ObjectNode data, String subject, String time) {
        String type = "headrace." + data.get("category").textValue() + "." + data.get("action").textValue() + ".v1";
        ObjectNode event = of("type", type, "subject", subject, "time", time);
        event.set("data", data);
        return event;
    }
}
