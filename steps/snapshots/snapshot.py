"""Takes a snapshot of etcd, where this master's member leads it: saved, read back, compressed, encrypted, sent to S3 where the
file says so, and thinned out. Run by a timer on every master; with --now whoever leads. So it does where an argument says what
it is taken before: that stands in the name, and newer ones do not soon take its place. With --state NAME it keeps a backup of
Pulumi's state instead, which was brought here, encrypted, under that name.

What it did stands in state.json beside the snapshots: `good` is the last snapshot that got through all of it, `failure` what
went wrong in the last run, if anything did. It ends with 1 then, and says so in the journal, too."""

import argparse
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time

from retention import stale
from s3 import Bucket

CONFIG = "/etc/groundwork/snapshots.json"
CREDENTIALS = "/etc/groundwork/s3-credentials"
PKI = "/etc/etcd/pki"
STATES = 10
# What a snapshot leaves free on the disk.
RESERVE = 128 << 20
UNTRIED = {"good": None, "tried": 0, "failure": None}
NAME = re.compile(r"etcd-[0-9]{8}T[0-9]{6}Z-r[0-9]+-[a-z0-9-]+(\.before-[a-z-]+)?\.db\.zst(\.age)?")
STATE = re.compile(r"state-[0-9]{8}T[0-9]{6}Z\.json\.zst\.age")


class Failure(Exception):
    """What went wrong, in words for whoever runs the cluster."""


def run(*command):
    """The output of a program; its last words where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
        raise Failure(f"{os.path.basename(command[0])} {command[1]} ended with {done.returncode}: {words[:300]}")
    return done.stdout


def etcdctl(*arguments):
    files = [f"--cacert={PKI}/ca.crt", f"--cert={PKI}/server.crt", f"--key={PKI}/server.key"]
    return run("etcdctl", *arguments, "--endpoints=https://127.0.0.1:2379", *files, "--dial-timeout=5s")


def status_of_etcd():
    [member] = json.loads(etcdctl("endpoint", "status", "--write-out=json"))
    return member["Status"]


def leads():
    status = status_of_etcd()
    return status["leader"] == status["header"]["member_id"]


def require_room(folder):
    """etcd may live on the same disk: it is not to be filled by a snapshot, which lies there twice until it is compressed."""
    needed = 2 * status_of_etcd()["dbSize"] + RESERVE
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if free < needed:
        raise Failure(f"the disk of {folder} has {free >> 20} MiB free, and a snapshot needs {needed >> 20}")


def synced(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def save(folder, config, before):
    """A snapshot that was read back, under its final name, and what it holds. `before`: what it is taken before, or None."""
    require_room(folder)
    part = os.path.join(folder, ".part.db")
    etcdctl("snapshot", "save", part)
    held = json.loads(run("etcdutl", "snapshot", "status", part, "--write-out=json"))
    if held["totalKey"] == 0:
        raise Failure("the snapshot holds no keys")
    run("zstd", "--quiet", "--force", "--rm", part, "-o", f"{part}.zst")
    run("zstd", "--quiet", "--test", f"{part}.zst")
    part += ".zst"
    ending = "db.zst"
    if config["recipients"]:
        run("age", "--encrypt", *[word for key in config["recipients"] for word in ("--recipient", key)], "--output", f"{part}.age", part)
        os.remove(part)
        part, ending = f"{part}.age", "db.zst.age"
    now = int(time.time())
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    reason = f".before-{before}" if before else ""
    name = f"etcd-{moment}-r{held['revision']}-{config['node']}{reason}.{ending}"
    synced(part)
    os.rename(part, os.path.join(folder, name))
    synced(folder)
    return {"time": now, "name": name, "revision": held["revision"], "keys": held["totalKey"], "bytes": os.path.getsize(os.path.join(folder, name))}


def thin_out(folder, config):
    """What retention does not keep goes."""
    for name in stale(filter(NAME.fullmatch, os.listdir(folder)), config["keep"], time.time()):
        os.remove(os.path.join(folder, name))


def remove_parts(folder):
    for name in os.listdir(folder):
        if name.startswith(".part."):
            os.remove(os.path.join(folder, name))


def write(path, value):
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        json.dump(value, file)
    synced(f"{path}.new")
    os.rename(f"{path}.new", path)


def bucket_of(config):
    return Bucket(config["s3"], CREDENTIALS) if config["s3"] else None


def listed(bucket, name):
    """What the bucket has, among it `name`, which was put: who only says yes to all would lose each."""
    names = bucket.names()
    if name not in names:
        raise Failure(f"what answers at {bucket.base.scheme}://{bucket.base.netloc} took {name}, and does not list it: is it a server of S3?")
    return names


def keep_state(folder, config, state, name):
    """A backup of Pulumi's state that was brought here: in S3, too, beside the newest of its kind."""
    if not STATE.fullmatch(name) or not os.path.exists(os.path.join(folder, name)):
        raise Failure(f"there is no backup {name}")
    bucket = bucket_of(config)
    if bucket:
        bucket.put(name, os.path.join(folder, name))
    names = listed(bucket, name) if bucket else []
    state["backup"] = {"time": int(time.time()), "name": name}
    for old in old_states(os.listdir(folder), name):
        os.remove(os.path.join(folder, old))
    for old in old_states(names, name):
        bucket.delete(old)


def old_states(names, newest):
    """Those that go. Not `newest`, though others may be of a clock that was wrong."""
    return [name for name in sorted(filter(STATE.fullmatch, names))[:-STATES] if name != newest]


def take(folder, config, state, before):
    """One run, as the newest of which `state` tells."""
    remove_parts(folder)
    try:
        taken = save(folder, config, before)
    finally:
        # Of one that failed they would take room, and may be in the clear.
        remove_parts(folder)
    print(f"saved {taken['name']}: revision {taken['revision']}, {taken['keys']} keys, {taken['bytes']} bytes", flush=True)
    # First, as S3 may be away for weeks.
    thin_out(folder, config)
    bucket = bucket_of(config)
    if not bucket:
        state["good"] = taken
        return
    bucket.put(taken["name"], os.path.join(folder, taken["name"]))
    try:
        names = listed(bucket, taken["name"])
        state["good"] = taken
        for name in stale(filter(NAME.fullmatch, names), config["keep"], time.time()):
            bucket.delete(name)
    except OSError as error:
        state["good"] = taken
        raise Failure(f"{taken['name']} is good, but old ones cannot be removed: {error}") from error


def read_state(path):
    """What is known of the last runs; what cannot be read is made anew."""
    try:
        with open(path, encoding="utf-8") as file:
            return {**UNTRIED, **json.load(file)}
    except FileNotFoundError:
        return dict(UNTRIED)
    except (ValueError, TypeError):
        print(f"{path} cannot be read, and is made anew", flush=True)
        return dict(UNTRIED)


def why(error):
    """In words: those of an error that nobody thought of say at least of which kind it is."""
    return str(error) if isinstance(error, (OSError, Failure)) else f"{type(error).__name__}: {error}"


def ended(*_):
    raise Failure("it was ended before it was done; systemd gives it half an hour")


def main():
    wanted = argparse.ArgumentParser()
    wanted.add_argument("--now", action="store_true")
    wanted.add_argument("before", nargs="?")
    wanted.add_argument("--state")
    wanted = wanted.parse_args()
    with open(CONFIG, encoding="utf-8") as file:
        config = json.load(file)
    os.environ.update(config["environment"])
    folder = config["folder"]
    with open(os.path.join(folder, ".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = os.path.join(folder, "state.json")
        state = read_state(path)
        what = "the backup of the state" if wanted.state else "the snapshot of etcd"
        failure = None
        signal.signal(signal.SIGTERM, ended)
        try:
            if wanted.state:
                keep_state(folder, config, state, wanted.state)
            elif wanted.now or wanted.before or leads():
                take(folder, config, state, wanted.before)
            else:
                thin_out(folder, config)
                print("another master leads etcd and takes the snapshot")
                return 0
        except Exception as error:
            failure = why(error)
            print(f"groundwork: {what} failed: {failure}", file=sys.stderr)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            write(path, state if wanted.state else {**state, "tried": int(time.time()), "failure": failure})
        except OSError as error:
            print(f"groundwork: what came of it cannot be noted in {path}: {error}", file=sys.stderr)
            return 1
        return 1 if failure else 0


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
