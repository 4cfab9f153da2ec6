"""admission: answers kubelets' certificate requests, for as long as the cluster lives: of nodes that join, and of those that
renew what they have. Runs on every master, asks this master's API server only, and goes by what is declared of the nodes in
ConfigMap kube-system/groundwork-nodes, read anew for each answer. What a declared node asked is approved, or denied when it
does not fit, so that it shows; anybody else's is somebody else's work and left alone. The token of a node that is not managed
is its ticket, in ConfigMap kube-system/groundwork-tickets: it is used up before anything is approved for it.

Arguments: URL of the API server, file with its authority, file with the certificate and key to ask with.
"""
import collections
import datetime
import http.client
import json
import os
import socket
import ssl
import sys
import threading
import time
import traceback
import urllib.parse

from judge import CLIENT, SERVING, judge, plain

CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
DECLARED = "/api/v1/namespaces/kube-system/configmaps/groundwork-nodes"
TICKETS = "/api/v1/namespaces/kube-system/configmaps/groundwork-tickets"

# Seconds. A watch begins with all there is: what was left out or left alone comes round again with the next.
WATCHED = 60
PATIENCE = 10
PAUSE = 0.5
IDLE = 30  # a server closes a connection that nobody uses, and does not say so
# A kubelet has one request or two, of some 3000 bytes each.
KEPT = 16  # of one who asks
LONGEST_EVENT = 65536


class Refused(Exception):
    """The API server answered with an error, a Status."""

    def __init__(self, status, text):
        try:
            text = json.loads(text)["message"]
        except (ValueError, LookupError, TypeError):
            pass  # it is no Status
        super().__init__(f"HTTP {status}: {plain(text)}")
        self.status = status


# Not yet known who asks or what he may, or too much at a time.
AT_ONCE = (401, 403, 429)
TROUBLE = (OSError, http.client.HTTPException, ValueError, Refused)


class Api:
    """One connection to the API server, made anew after a failure."""

    def __init__(self, url, authority, client):
        self.address = urllib.parse.urlsplit(url).netloc
        self.context = ssl.create_default_context(cafile=authority)
        self.context.load_cert_chain(client)
        self.connection, self.used = None, 0

    def open(self, method, path, body=None, patience=PATIENCE, form="application/json"):
        """The answer, to be read. Raises one of TROUBLE."""
        if time.monotonic() - self.used > IDLE:
            self.close()
        try:
            if self.connection is None:
                self.connection = http.client.HTTPSConnection(self.address, timeout=patience, context=self.context)
            self.connection.request(method, path, body, {"Content-Type": form} if body else {})
            response = self.connection.getresponse()
            if response.status >= 300:
                raise Refused(response.status, response.read(LONGEST_EVENT).decode(errors="replace"))
            self.used = time.monotonic()
            return response
        except TROUBLE:
            self.close()
            raise

    def call(self, method, path, body=None, form="application/json"):
        try:
            return json.loads(self.open(method, path, body, form=form).read())
        except TROUBLE:
            self.close()
            raise

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def watch(self, path):
        """The events, for WATCHED seconds at most."""
        try:
            response = self.open("GET", f"{path}?watch=true&timeoutSeconds={WATCHED}", patience=WATCHED + PATIENCE)
            whole = True
            while line := response.readline(LONGEST_EVENT):
                # What is longer than a kubelet's is nobody's who is declared, and not even kept.
                if whole and line.endswith(b"\n"):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise Refused(event["object"].get("code"), json.dumps(event["object"]))
                    yield event
                whole = line.endswith(b"\n")
        finally:
            self.close()


class Waiting:
    """Requests without an answer, by who asked: whoever asks a hundred times waits for everybody else's first."""

    def __init__(self):
        self.changed = threading.Condition()
        self.users = collections.OrderedDict()

    def see(self, event):
        csr = event["object"]
        name, spec = csr["metadata"]["name"], csr["spec"]
        if spec["signerName"] not in (CLIENT, SERVING):
            return
        if event["type"] == "DELETED" or csr.get("status", {}).get("conditions"):
            self.drop(spec["username"], name)
        else:
            csr["metadata"].pop("managedFields", None)
            self.add(csr)

    def add(self, csr):
        with self.changed:
            own = self.users.setdefault(csr["spec"]["username"], {})
            name = csr["metadata"]["name"]
            if len(own) < KEPT or name in own:
                own[name] = csr
            self.changed.notify()

    def drop(self, user, name):
        with self.changed:
            own = self.users.get(user, {})
            own.pop(name, None)
            if not own:
                self.users.pop(user, None)

    def take(self):
        """The next one; whose it is comes after all others then."""
        with self.changed:
            self.changed.wait_for(lambda: self.users)
            user, own = self.users.popitem(last=False)
            csr = own.pop(next(iter(own)))
            if own:
                self.users[user] = own
            return csr


said = collections.OrderedDict()


def say(text, about=None):
    """A line of the journal; once where it is about a thing that comes round again."""
    if about is not None:
        if about in said:
            return
        said[about] = True
        if len(said) > 1000:
            said.popitem(last=False)
    print(text, flush=True)


def good_now(api, path):
    """Name of a node -> the mapping that a ConfigMap has of it, if it is good now, and its text. Nothing without a ConfigMap."""
    try:
        data = api.call("GET", path).get("data") or {}
    except Refused as error:
        if error.status != 404:
            raise
        return {}
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    good = {}
    for node, text in data.items():
        try:
            own = json.loads(text)
            if own.get("until", now) >= now:
                good[node] = own, text
        except (ValueError, AttributeError, TypeError):
            say(f"what ConfigMap kube-system/{path.rpartition('/')[2]} has of {plain(node)} is not read: {plain(text)}", text)
    return good


def declared_now(api):
    """
    Name of a node -> what is declared of it, and the texts of the tickets. That a node joins is declared as long as its token is
    good.
    """
    declared = {node: own for node, (own, _) in good_now(api, DECLARED).items()}
    unmanaged = [node for node, own in declared.items() if not own.get("managed", True)]
    tickets = good_now(api, TICKETS) if unmanaged else {}
    for node in unmanaged:
        ticket, _ = tickets.get(node, ({}, ""))
        declared[node] = {**declared[node], "token": ticket.get("token"), "usedFor": ticket.get("usedFor")}
    return declared, {node: text for node, (_, text) in tickets.items()}


def use_up(api, node, ticket, uid):
    """
    A ticket is good for one request from now on. Raises Refused where it is another by now: then whoever changed it was first, and
    what is asked is judged anew.
    """
    path = f"/data/{node}"
    used = json.dumps({**json.loads(ticket), "usedFor": uid})
    change = [{"op": "test", "path": path, "value": ticket}, {"op": "replace", "path": path, "value": used}]
    api.call("PATCH", TICKETS, json.dumps(change), "application/json-patch+json")


def answer(api, csr):
    name = csr["metadata"]["name"]
    declared, tickets = declared_now(api)
    verdict, node, reason = judge(csr, declared)
    if verdict == "Unknown":
        say(f"left {plain(name)} alone: {node} {reason}", csr["metadata"].get("uid"))
        return
    if verdict == "Approved" and csr["spec"]["username"].startswith("system:bootstrap:") and node in tickets:
        if declared[node].get("usedFor") is None:
            use_up(api, node, tickets[node], csr["metadata"]["uid"])
    condition = {"type": verdict, "status": "True", "reason": "Groundwork", "message": reason}
    try:
        # With the version that was judged: another master may have been first, or the name be another request's by now.
        api.call("PUT", f"{CSRS}/{name}/approval", json.dumps({**csr, "status": {"conditions": [condition]}}))
    except Refused as error:
        if error.status in AT_ONCE or error.status >= 500:
            raise
        if error.status not in (404, 409):
            say(f"{name} of {node} cannot be answered: {error}")
        return
    say(f"approved {name} of {node}" if verdict == "Approved" else f"denied {name} of {node}: {reason}")


def look(api, waiting):
    """Sees what is asked, for ever."""
    trouble = None
    while True:
        try:
            for event in api.watch(CSRS):
                waiting.see(event)
            trouble = None
        except TROUBLE as error:
            if trouble != str(error):
                say(f"the API server does not tell what is asked: {error}")
            trouble = str(error)
        time.sleep(PAUSE)


def end(failure):
    """A service of which half is dead is started anew."""
    traceback.print_exception(failure.exc_type, failure.exc_value, failure.exc_traceback)
    os._exit(1)


def tell_ready():
    """systemd learns that all of it is there."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.sendto(b"READY=1", address.replace("@", "\0", 1) if address[0] == "@" else address)


def main():
    waiting = Waiting()
    threading.excepthook = end
    threading.Thread(target=look, args=(Api(*sys.argv[1:]), waiting), daemon=True).start()
    api = Api(*sys.argv[1:])
    tell_ready()
    while True:
        csr = waiting.take()
        try:
            answer(api, csr)
        except TROUBLE as error:
            name = plain(csr["metadata"]["name"])
            say(f"{name} is not answered yet: {error}", csr["metadata"].get("uid"))
            waiting.add(csr)
            time.sleep(PAUSE)


main()
