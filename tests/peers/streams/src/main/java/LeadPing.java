import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** Rows, bundles of row, detail and call, and call records. */
final class LeadPing {
    private static final String[][] MILESTONES = {
        {"created", "createdAt"},
        {"queued", "queuedAt"},
        {"sending", "sendingStartedAt"},
        {"sent", "sentAt"},
        {"delivered", "deliveredAt"}
    };
    private static final String[][] REFS = {
        {"lead", "leadId"},
        {"conversation", "conversationId"},
        {"campaign", "campaignId"},
        {"lead_source", "sourceId"},
        {"message", "providerMessageId"}
    };
    private static final String[] OF_ROWS = {
        "eventCategory", "activityCategory", "telnyxId", "providerMessageId", "retryCount", "wasManuallyOverridden"
    };
    private static final String[] OF_CALLS = {
        "telnyxId", "businessId", "callerId", "providerStatus", "duration", "leadName"
    };

    static ObjectNode messageRow(ObjectNode nativePart, ObjectNode row) {
        ObjectNode data = message();
        addRow(data, nativePart, row);
        data.putObject("actor").set("id", row.get("createdBy"));
        data.put("revised", latest(data.get("times"), ""));
        return enveloped(data, "delivered", true);
    }

    static ObjectNode bundle(ObjectNode nativePart, ObjectNode body) {
        JsonNode row = body.get("row");
        JsonNode detail = body.get("detail");
        JsonNode call = body.get("call");
        boolean calls = call != null && !call.isNull();
        ObjectNode data = calls ? call() : message();
        addRow(data, nativePart, row);
        ((ObjectNode) data.get("refs")).set("user", detail.get("userId"));
        JsonNode user = detail.get("user");
        ObjectNode actor = data.putObject("actor").put("kind", "user");
        actor.set("id", user.get("id"));
        actor.set("name", user.get("name"));
        ((ObjectNode) nativePart.get("extra")).set("userEmail", detail.get("userEmail"));
        if (calls) {
            addCallOfRow(data, row, call);
        }
        data.put("revised", latest(data.get("times"), Parts.plain(Parts.text(detail, "modifiedAt"))));
        return enveloped(data, calls ? "ended" : "delivered", true);
    }

    static ObjectNode callRecord(ObjectNode nativePart, ObjectNode call) {
        ObjectNode data = call();
        ObjectNode refs = data.putObject("refs");
        refs.set("lead", call.get("leadId"));
        refs.set("conversation", call.get("conversationId"));
        refs.set("user", call.get("userId"));
        ObjectNode actor = data.putObject("actor").put("kind", "user");
        actor.set("id", call.get("userId"));
        actor.set("name", call.get("user"));
        addParties(data, call, call);
        data.putObject("times").put("created", Parts.plain(Parts.text(call, "createdAt")));
        addCall(data, call);
        data.put("revised", latest(data.get("times"), ""));
        data.set("native", nativePart);
        nativePart.put("code", "Call").set("status", call.get("status"));
        addExtra(nativePart.putObject("extra"), call, OF_CALLS);
        return enveloped(data, "ended", false);
    }

    private static ObjectNode call() {
        return Parts.of("category", "call", "action", "completed", "direction", "outbound", "channel", "voice");
    }

    private static ObjectNode message() {
        return Parts.of("category", "message", "action", "delivered", "direction", "outbound", "channel", "sms");
    }

    private static void addRow(ObjectNode data, ObjectNode nativePart, JsonNode row) {
        ObjectNode refs = data.putObject("refs");
        for (String[] ref : REFS) {
            Parts.copy(row, ref[1], refs, ref[0]);
        }
        addParties(data, row, row);
        ObjectNode times = data.putObject("times");
        for (String[] milestone : MILESTONES) {
            String time = Parts.text(row, milestone[1]);
            if (time != null) {
                times.put(milestone[0], Parts.plain(time));
            }
        }
        ObjectNode cost = data.putObject("cost");
        cost.set("amount", row.get("billableAmount"));
        cost.set("status", row.get("billingStatus"));
        data.set("title", row.get("summary"));
        data.set("text", row.get("description"));
        data.set("native", nativePart);
        nativePart.set("code", row.get("activityType"));
        nativePart.set("name", row.get("eventType"));
        nativePart.set("status", row.get("status"));
        addExtra(nativePart.putObject("extra"), row, OF_ROWS);
    }

    /** Adds to a row what its call record says; where the two differ the record's value stands in `extra`. */
    private static void addCallOfRow(ObjectNode data, JsonNode row, JsonNode call) {
        ((ObjectNode) data.get("refs")).set("call", call.get("id"));
        addParties(data, row, call);
        addCall(data, call);
        ObjectNode nativePart = (ObjectNode) data.get("native");
        ObjectNode extra = (ObjectNode) nativePart.get("extra");
        JsonNode actor = data.get("actor");
        addExtra(extra, call, OF_CALLS);
        addDifferent(extra, call, "createdAt", row.get("createdAt"));
        addDifferent(extra, call, "userId", actor.get("id"));
        addDifferent(extra, call, "user", actor.get("name"));
        addDifferent(extra, call, "fromPhoneNumber", row.get("fromPhoneNumber"));
        addDifferent(extra, call, "toPhoneNumber", row.get("toPhoneNumber"));
        extra.set("activity.status", row.get("status"));
        nativePart.set("status", call.get("status"));
    }

    private static void addDifferent(ObjectNode extra, JsonNode call, String name, JsonNode settled) {
        if (!call.get(name).equals(settled)) {
            extra.set("call." + name, call.get(name));
        }
    }

    private static void addExtra(ObjectNode extra, JsonNode from, String[] names) {
        for (String name : names) {
            Parts.copy(from, name, extra, name);
        }
    }

    /** Adds what only a call record says. */
    private static void addCall(ObjectNode data, JsonNode call) {
        ((ObjectNode) data.get("times"))
                .put("answered", Parts.plain(Parts.text(call, "answeredAt")))
                .put("ended", Parts.plain(Parts.text(call, "endedAt")));
        data.put("duration_seconds", Integer.parseInt(Parts.text(call, "duration")));
        ObjectNode cost = data.putObject("cost");
        cost.set("amount", call.get("billableAmount"));
        cost.put("billable_seconds", Integer.parseInt(Parts.text(call, "billableSeconds")));
        cost.set("status", call.get("billingStatus"));
        data.putObject("urls").set("recording", call.get("recordingUrl"));
        data.set("fields", call.get("metadata"));
    }

    private static void addParties(ObjectNode data, JsonNode numbers, JsonNode line) {
        ObjectNode parties = data.putObject("parties");
        ObjectNode from = parties.putObject("from");
        from.set("address", numbers.get("fromPhoneNumber"));
        Parts.copy(line, "fromPhoneNumberId", from, "id");
        parties.putObject("to").set("address", numbers.get("toPhoneNumber"));
    }

    private static String latest(JsonNode times, String latest) {
        for (JsonNode time : times) {
            latest = time.textValue().compareTo(latest) > 0 ? time.textValue() : latest;
        }
        return latest;
    }

    private static ObjectNode enveloped(ObjectNode data, String milestone, boolean isReal) {
        String time = data.get("times").get(milestone).textValue();
        ObjectNode event = Parts.enveloped(data, "lead/" + data.get("refs").get("lead").textValue(), time);
        return isReal ? event.put("traffic", "real") : event;
    }
}
