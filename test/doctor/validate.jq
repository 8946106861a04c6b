# validate: what of JSON Schema doc/doctor.schema.json uses (type, enum, required, properties, items).
# jq -r -n --slurpfile schema FILE -f validate.jq DOCUMENT --> one line a violation; also a member
# that the schema does not name (here both must say the same), and no document at all.
def kinds: if type == "number" and . == floor then ["integer", "number"] else [type] end;
def check($s; $at):
  . as $v
  | (kinds) as $k
  | ([$s.type] | flatten) as $wanted
  | if ($wanted | any(. as $w | $k | index($w))) | not
    then "\($at): is \($k[0]), wanted \($wanted | join(" or "))"
    else
      (if $s.enum != null and ($s.enum | index([$v]) == null) then "\($at): \($v) is none of the values" else empty end),
      (if type == "object" then
        (($s.required // [])[] | . as $name | select($v | has($name) | not) | "\($at): lacks \($name)"),
        (to_entries[] | . as $e
          | if $s.properties[$e.key] == null then "\($at): \($e.key) is not in the schema"
            else $e.value | check($s.properties[$e.key]; "\($at).\($e.key)") end)
      elif type == "array" and $s.items != null then
        (to_entries[] | . as $e | $e.value | check($s.items; "\($at)[\($e.key)]"))
      else empty end)
    end;
[inputs] | if . == [] then "no document" else .[] | check($schema[0]; "$") end
