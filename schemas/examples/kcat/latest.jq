# Of events, one a line, keep the latest of each record.

# Times have milliseconds only where the platform sends them: with them everywhere, they compare as texts.
def instant: if . == null or contains(".") then . else sub("Z$"; ".000Z") end;

# The later `revised` wins; where it is equal, or one has none, what was published later.
def replaces($old):
  (.data.revised | instant) as $this | ($old.data.revised | instant) as $that
  | if $this != null and $that != null and $this != $that then $this > $that
    else (.recordedtime | instant) >= ($old.recordedtime | instant) end;

reduce inputs as $event ({};
  .[[$event.source, $event.data.native.resource, $event.data.native.id] | tojson] |=
    (. as $old | if $old == null or ($event | replaces($old)) then $event else $old end))
| .[]
