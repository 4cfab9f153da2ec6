# shellcheck shell=bash
# What preflight, claim and reset share about the machine's routes. A bare machine has no jq.

# json_words KEY=DEFAULT...: of the list of objects that `ip -json` prints a line for each, with the values of these keys or, where
# it has none, what stands for it. Of what an object holds in turn, as the ways of a route that has several, the first counts.
json_words() {
  awk -v keys="$*" '
    { text = text $0 }
    END {
      count = split(keys, wanted, " ")
      while (match(text, /^[ \t]*("([^"\\]|\\.)*"|[^]["{},: \t]+|[]["{},:])/)) {
        token = substr(text, 1, RLENGTH)
        text = substr(text, RLENGTH + 1)
        sub(/^[ \t]+/, "", token)
        if (token == "{" || token == "[") {
          kind[++depth] = token
          if (depth == 2) for (name in has) delete has[name]
          is_key = token == "{"
        } else if (token == "}" || token == "]") {
          if (depth == 2) tell()
          depth--
        } else if (token == ",") is_key = kind[depth] == "{"
        else if (token == ":") is_key = 0
        else {
          gsub(/^"|"$/, "", token)
          if (is_key) key = token
          else if (!(key in has)) has[key] = token
        }
      }
    }
    function tell(    i, pair, line) {
      for (i = 1; i <= count; i++) {
        split(wanted[i], pair, "=")
        line = line (i > 1 ? " " : "") (pair[1] in has ? has[pair[1]] : pair[2])
      }
      print line
    }'
}

# routes root|match NETWORK: those that lie in it, or that it lies in, the same as its own counting as both. A line each: table,
# destination, kind, protocol, link, and the next router on the way.
routes() {
  local table destination kind protocol link way other
  { ip -json -4 route show table all "$1" "$2" 2>/dev/null || true; } | json_words table=main dst=- type=unicast protocol=boot dev=- gateway=- host=- |
    while read -r table destination kind protocol link way other; do
      [ "$way" != - ] || way=$other
      echo "$table $destination $kind $protocol $link $way"
    done
}

# first_tables: those that the kernel asks before `main`, whomever a packet is from: of VPNs, which leave out but their own packets.
first_tables() {
  { ip -json -4 rule show 2>/dev/null || true; } | json_words priority=0 src=all iif=- fwmark=- not=- table=main | sort -n |
    awk '$6 == "main" { exit } $2 == "all" && $3 == "-" && ($4 == "-" || $5 != "-") && $6 != "local" { print $6 }' | sort -u
}
