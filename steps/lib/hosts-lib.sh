# shellcheck shell=bash
# What the claim makes of /etc/hosts, and reset compares it with.

# hosts_with NAME ADDRESS FILE: FILE with NAME leading to ADDRESS. Of each line only that name goes, and the line with it where
# nothing else is in it; what else led there still does.
hosts_with() {
  awk -v name="$1" -v line="$2 $1" '
    { text = $0; comment = ""; found = 0; kept = 0 }
    (at = index(text, "#")) { comment = substr(text, at); text = substr(text, 1, at - 1) }
    { count = split(text, word); rest = word[1] }
    { for (i = 2; i <= count; i++) if (word[i] == name) found = 1; else { rest = rest " " word[i]; kept = 1 } }
    !found { print }
    found && kept { print rest (comment == "" ? "" : " " comment) }
    END { print line }' "$3"
}
