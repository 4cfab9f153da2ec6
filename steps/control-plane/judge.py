"""judge: says whether certificate requests are, byte for byte, those that the kubelets of declared nodes make.

Two programs that read the same bytes may see two requests in them, and the certificate is made of what Kubernetes sees. So
nothing is granted for what was read out of a request: the only one that fits is written here, and must be the same bytes.
That of a node that is not managed may leave out names that are declared, or have them in another order: which, is read out
of it, but they are written from what is declared.
The builder of python3-cryptography does not write it: before version 36 it adds an empty list of extensions.
"""
import base64
import ipaddress
import re

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CLIENT = "kubernetes.io/kube-apiserver-client-kubelet"
SERVING = "kubernetes.io/kubelet-serving"
LONGEST = 4096  # bytes; a kubelet's request has some 600

HEAD = b"-----BEGIN CERTIFICATE REQUEST-----"
TAIL = b"-----END CERTIFICATE REQUEST-----"

# DER (X.690): tags, and the identifiers of which a request is made.
SEQUENCE, SET, OCTET_STRING, ATTRIBUTES = 0x30, 0x31, 0x04, 0xA0
UTF8_STRING, PRINTABLE_STRING = 0x0C, 0x13
DNS_NAME, IP_ADDRESS = 0x82, 0x87
VERSION_1 = bytes.fromhex("020100")
ORGANIZATION, COMMON_NAME = bytes.fromhex("060355040a"), bytes.fromhex("0603550403")
EXTENSION_REQUEST = bytes.fromhex("06092a864886f70d01090e")
SUBJECT_ALT_NAME = bytes.fromhex("0603551d11")


class Unfit(Exception):
    """Why a request does not fit."""


def der(tag, *parts):
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes(2, "big").lstrip(b"\0")
    return bytes([tag, 0x80 | len(size)]) + size + body


def request_info(node, key, names, string):
    """The part of a request that is signed (RFC 2986), with all strings of its subject of type `string`."""

    def rdn(kind, text):
        return der(SET, der(SEQUENCE, kind, der(string, text.encode())))

    subject = der(SEQUENCE, rdn(ORGANIZATION, "system:nodes"), rdn(COMMON_NAME, f"system:node:{node}"))
    extensions = der(SEQUENCE, der(SEQUENCE, SUBJECT_ALT_NAME, der(OCTET_STRING, der(SEQUENCE, *names))))
    attributes = [der(SEQUENCE, EXTENSION_REQUEST, der(SET, extensions))] if names else []
    return der(SEQUENCE, VERSION_1, subject, key, der(ATTRIBUTES, *attributes))


def decode(text, ends=(b"\n",)):
    """
    The DER inside `.spec.request`, which must be one block of PEM as everybody writes it, and nothing else.

    ends: how its lines may end, all of them alike.
    """
    if len(text) > LONGEST:
        raise Unfit(f"it is longer than {LONGEST} bytes")
    pem = body = b""
    try:
        pem = base64.b64decode(text, validate=True)
        body = base64.b64decode(re.sub(rb"\r?\n", b"", pem.rstrip())[len(HEAD) : -len(TAIL)], validate=True)
    except ValueError:
        pass  # what was not read is not what is written from it
    lines = base64.b64encode(body)
    lines = [HEAD, *(lines[at : at + 64] for at in range(0, len(lines), 64)), TAIL, b""]
    if pem not in [end.join(lines) for end in ends]:
        raise Unfit("it is not one PEM block of a certificate request and nothing else")
    return body


def general_name(text):
    """A declared name or address as a request has it: to be compared, and its DER."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return x509.DNSName(text), der(DNS_NAME, text.encode())
    return x509.IPAddress(address), der(IP_ADDRESS, address.packed)


def asked_names(request):
    names = []
    for extension in request.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            names.extend(extension.value)
    return names


def difference(request, node, names, all_of_them):
    """In words what a request has that it should not have, or lacks."""
    subject = [[(part.oid.dotted_string, part.value) for part in rdn] for rdn in request.subject.rdns]
    if subject != [[("2.5.4.10", "system:nodes")], [("2.5.4.3", f"system:node:{node}")]]:
        return f"its subject is not that of {node}: {request.subject.rfc4514_string()}"
    asked = asked_names(request)
    if asked and not names:
        return "a client certificate has no alternative names"
    foreign = [f"{type(name).__name__}:{name.value}" for name in asked if name not in names]
    if foreign:
        return f"it asks for names that are not the node's: {' '.join(foreign)}"
    if all_of_them and (len(asked) != len(names) or len(set(asked)) != len(asked)):
        return f"it does not ask for {node} and its address, each once"
    if names and (not asked or len(set(asked)) != len(asked)):
        return "it asks for no name, or for one twice"
    return "it has more than a kubelet asks for, or has it in another form"


def check(csr, node, declared):
    """Raises Unfit where the request is not one that the node makes."""
    spec = csr["spec"]
    managed = declared.get("managed", True)
    users = {f"system:node:{node}": "system:nodes"}
    if spec["signerName"] == CLIENT:
        # The first with its token, each that follows with the one before.
        users[f"system:bootstrap:{declared.get('token')}"] = "system:bootstrappers"
        usage, names = "client auth", {}
    else:
        usage = "server auth"
        own = [node, declared["ip"]] if managed else [node, declared["ip"], *declared["certSans"]]
        names = dict(general_name(one) for one in own)
    user = spec["username"]
    if user not in users or users[user] not in spec["groups"]:
        raise Unfit("another than the node itself asked")
    if user.startswith("system:bootstrap:") and declared.get("usedFor") not in (None, csr["metadata"].get("uid")):
        raise Unfit("its ticket has been used, for another request")
    usages = set(spec["usages"])
    if usages - {"key encipherment"} != {"digital signature", usage}:
        raise Unfit(f"it is for {', '.join(sorted(usages))}")
    # Of the programs that are kubelets to a cluster, Krustlet ends lines as DOS does.
    body = decode(spec["request"], (b"\n",) if managed else (b"\n", b"\r\n"))
    request = x509.load_der_x509_csr(body)
    key = request.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise Unfit("its key is not one of ECDSA P-256")
    if not request.is_signature_valid:
        raise Unfit("its signature is wrong")
    key = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    asked = list(names) if managed or not names else asked_names(request)
    fits = set(asked) <= set(names) and len(set(asked)) == len(asked) and (asked or not names)
    written = [names[one] for one in asked] if fits else []
    wanted = [request_info(node, key, written, string) for string in (UTF8_STRING, PRINTABLE_STRING)]
    if not fits or request.tbs_certrequest_bytes not in wanted or request.public_bytes(Encoding.DER) != body:
        raise Unfit(difference(request, node, names, managed))


def node_of(spec, declared):
    """The declared node whose request it is to answer."""
    kind, _, name = spec["username"].rpartition(":")
    if spec["signerName"] not in (CLIENT, SERVING):
        return None
    if kind == "system:bootstrap":
        return next((node for node, own in declared.items() if own.get("token") == name), None)
    return name if kind == "system:node" and name in declared else None


def reason_against(csr, node, declared):
    """Whatever a request holds, it gets an answer: what cannot be read does not fit."""
    try:
        check(csr, node, declared)
    except Unfit as error:
        return str(error)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the library's core is no Exception
        return f"it cannot be read: {type(error).__name__}: {error}"
    return None


def plain(text):
    """On one line and without control characters, whoever wrote it."""
    return text.encode("unicode_escape").decode()[:400]


def judge(csr, declared):
    """
    What is to be said of a CertificateSigningRequest: Approved, Denied, or Unknown (nobody's who is declared); its node, or who
    asked; and why.

    declared: name of a node -> {"ip", "token": id of its bootstrap token while it joins}; of one that is not managed also
    {"managed": False, "certSans": further names and addresses it may serve with, "usedFor": uid of the request that its token
    was used for}.
    """
    spec, name = csr["spec"], csr["metadata"]["name"]
    # Kubernetes lets a request be called anything but a path; a kubelet's is a plain word, or, where it does not renew its
    # certificate, has a digest in base64. Nothing is done under another.
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,252}|node-csr-[A-Za-z0-9_-]{43}", name):
        return "Unknown", plain(spec["username"]), "calls it what no kubelet does"
    node = node_of(spec, declared)
    if node is None:
        return "Unknown", plain(spec["username"]), "is not declared in ConfigMap kube-system/groundwork-nodes"
    reason = reason_against(csr, node, declared[node])
    return ("Denied", node, plain(reason)) if reason else ("Approved", node, "matches what is declared")
