"""What of the lines on standard input the distribution that this runs in lacks, one a line.

The lines are those of test/unit/commands.ts: `command NAME`, `package NAME`, `unit SECTION.SETTING`, `ceph COMMAND...`,
`judges FILE`, and for all other programs `PROGRAM [SUBCOMMAND] --OPTION [VALUE]`. Packages are asked of apt, settings of systemd, Ceph's
commands of the tables in its daemons, read as the program `ceph` reads them. Options that a program's own help does not
have it is given beside one that nobody knows: what it does not know it names.
"""

import functools, json, os, re, shutil, subprocess, sys

NOBODYS = "--groundwork-knows"


def said(*words):
    """What a program says, whatever it thinks of its arguments."""
    try:
        return subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=20, cwd="/tmp", text=True, errors="replace").stdout
    except subprocess.TimeoutExpired:
        return ""


def complains(text, word):
    """Whether a program says that it does not know the word."""
    bare = word.strip("-%{}")
    name, kind = re.escape(bare), r"(unrecogni[sz]ed|unknown(?! argument)|invalid|illegal|not (a valid|defined|understood)|too many)"
    return re.search(rf"(?im)^.*({kind}.*[^\w-]-*{name}\b|[^\w-]-*{name}\b.*{kind})", "\n".join(
        f" {line}" for line in text.split("\n") if bare == NOBODYS[2:] or NOBODYS[2:] not in line))


def option(words):
    """`PROGRAM [SUBCOMMAND] --OPTION [VALUE]`"""
    at = next(i for i, word in enumerate(words) if word.startswith("-"))
    program, flag, value = words[:at], words[at], words[at + 1:]
    if not shutil.which(program[0]):
        return False
    if value:
        joined = [f"{flag}={value[0]}"] if flag == "--timestamp" else [flag, *value]
        target = {"curl": ["file:///etc/hostname"], "systemctl": ["show"], "df": ["/"]}.get(program[0], [])
        return not complains(said(*program, *joined, *target), value[0])
    if re.search(rf"(?<![\w-]){re.escape(flag)}(?![\w-])", helps(*program)):
        return True
    nobodys = NOBODYS if flag.startswith("--") else NOBODYS[1:]
    # Ceph's daemons name all that they do not know at once, and end before they have written it, now and then.
    ceph = program[0].startswith("ceph-")
    often = range(8 if ceph else 1)
    return any(complains(said(*program, nobodys), nobodys) for _ in often) and not any(
        complains(said(*program, flag, *([] if ceph else [nobodys])), flag) for _ in often)


@functools.lru_cache(None)
def helps(*program):
    return "".join(said(*program, word) for word in ("--help", "-help", "-h"))


@functools.lru_cache(None)
def settings():
    """Every setting of systemd's files, as SECTION.SETTING."""
    listed, section = set(), ""
    for line in said("/lib/systemd/systemd", "--dump-configuration-items").split("\n"):
        section = line[1:-1] if line.startswith("[") else section
        listed.add(f"{section}.{line.split('=')[0]}")
    return listed


@functools.lru_cache(None)
def ceph_texts():
    """The texts in Ceph's daemons. Two macros have lost the blank between them."""
    return [text.decode().replace("falsename=", "false name=")
            for daemon in ("ceph-mon", "ceph-mgr")
            for text in re.findall(rb"[\x20-\x7e]{4,}", open(f"/usr/bin/{daemon}", "rb").read())]


@functools.lru_cache(None)
def ceph_commands():
    """The commands of Ceph's monitors and managers with their arguments, as lists."""
    found = []
    for text in ceph_texts():
        words = text.split()
        first = next((i for i, word in enumerate(words) if "=" in word), len(words))
        if all(re.search(r"(^|,)name=[\w-]+(,|$)", word) and ",type=Ceph" in f",{word}" for word in words[first:]):
            found.append(words[:first] + [
                dict(pair.split("=", 1) for pair in word.split(",") if "=" in pair) for word in words[first:]])
    return found


def ceph(words):
    if not shutil.which("ceph"):
        return False
    if words[0] == "tell":  # a daemon by its name, which reads it itself
        words = words[2:]
    options = [word[2:].replace("-", "_") for word in words if word.startswith("--")]
    if words[0] == "dashboard":
        with open("/usr/share/ceph/mgr/dashboard/services/access_control.py") as file:
            text = file.read()
        return " ".join(words[:2]) in text and all(name in text for name in options)
    import ceph_argparse

    bare = " ".join(words)
    # What takes no arguments may be the end of another text.
    if any(text.endswith(bare) for text in ceph_texts()):
        return True
    named = lambda sig: [word for word in sig if isinstance(word, str)]
    alike = [sig for sig in ceph_commands() if named(sig) == words[:len(named(sig))]]
    for sig in alike:
        known = ceph_argparse.parse_json_funcsigs(json.dumps(
            {"cmd": {"sig": sig, "help": "", "module": "", "perm": "", "flags": 0}}), "cli")
        choices = [choice for word in sig if not isinstance(word, str) for choice in word.get("strings", "").split("|")]
        for value in ("1", "node", "01234567-89ab-cdef-0123-456789abcdef", *filter(None, choices)):
            given = [word.replace("*:", "10.0.0.1:") for word in words]
            given = [word.replace("*", "1" if "*" in given[:i] else value) for i, word in enumerate(given)]
            sys.stderr, kept = open(os.devnull, "w"), sys.stderr
            read = ceph_argparse.validate_command(known, given)
            sys.stderr = kept
            if read and all(name in read for name in options):
                return True
    return False


def judges(request):
    """Whether judge.py, beside this file, approves a kubelet's request for worker-01 with the distribution's library."""
    import base64, judge

    with open(os.path.join(os.path.dirname(__file__), request), "rb") as file:
        spec = {"signerName": judge.SERVING, "username": "system:node:worker-01", "groups": ["system:nodes"],
                "usages": ["digital signature", "server auth"], "request": base64.b64encode(file.read()).decode()}
    said = judge.judge({"metadata": {"name": "csr-1"}, "spec": spec}, {"worker-01": {"ip": "10.77.0.21"}})
    return said[0] == "Approved"


def has(line):
    kind, *rest = line.split(" ")
    if kind == "command":
        return shutil.which(rest[0]) is not None
    if kind == "package":
        return said("dpkg-query", "--showformat=${db:Status-Status}", "--show", rest[0]) == "installed"
    if kind == "unit":
        return rest[0] in settings()
    if kind == "ceph":
        return ceph(rest)
    if kind == "judges":
        return judges(rest[0])
    return option(line.split(" "))


os.environ["LC_ALL"] = "C"
for line in sys.stdin.read().split("\n"):
    if line and not has(line):
        print(line)
