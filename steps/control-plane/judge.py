"""judge: says whether certificate requests are, byte for byte, those that the kubelets of declared nodes make.

Two programs that read the same bytes may see two requests in them, and the certificate is made of what Kubernetes sees. So
nothing is granted for what was read out of a request: the only one that fits is written here, and must be the same bytes.
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

HEAD = b"-----BEGIN CERTIFICATE REQUEST-----\n"
TAIL = b"-----END CERTIFICATE REQUEST-----\n"

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


def decode(text):
    """The DER inside `.spec.request`, which must be one block of PEM as everybody writes it, and nothing else."""
    if len(text) > LONGEST:
        raise Unfit(f"it is longer than {LONGEST} bytes")
    pem = body = b""
    try:
        pem = base64.b64decode(text, validate=True)
        body = base64.b64decode(pem[len(HEAD) : -len(TAIL)].replace(b"\n", b""), validate=True)
    except ValueError:
        pass  # what was not read is not what is written from it
    lines = base64.b64encode(body)
    lines = b"".join(lines[at : at + 64] + b"\n" for at in range(0, len(lines), 64))
    if pem != HEAD + lines + TAIL:
        raise Unfit("it is not one PEM block of a certificate request and nothing else")
    return body


def difference(request, node, names):
    """In words what a request has that it should not have."""
    subject = [[(part.oid.dotted_string, part.value) for part in rdn] for rdn in request.subject.rdns]
    if subject != [[("2.5.4.10", "system:nodes")], [("2.5.4.3", f"system:node:{node}")]]:
        return f"its subject is not that of {node}: {request.subject.rfc4514_string()}"
    asked = []
    for extension in request.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            asked.extend(extension.value)
    if asked and not names:
        return "a client certificate has no alternative names"
    foreign = [f"{type(name).__name__}:{name.value}" for name in asked if name not in names]
    if foreign:
        return f"it asks for names that are not the node's: {' '.join(foreign)}"
    if len(asked) != len(names) or len(set(asked)) != len(asked):
        return f"it does not ask for {node} and its address, each once"
    return "it has more than a kubelet asks for, or has it in another form"


def check(spec, node, declared):
    """Raises Unfit where the request is not one that the node makes."""
    users = {f"system:node:{node}": "system:nodes"}
    if spec["signerName"] == CLIENT:
        # The first with its token, each that follows with the one before.
        users[f"system:bootstrap:{declared.get('token')}"] = "system:bootstrappers"
        usage, names = "client auth", []
    else:
        usage = "server auth"
        names = [x509.DNSName(node), x509.IPAddress(ipaddress.ip_address(declared["ip"]))]
    user = spec["username"]
    if user not in users or users[user] not in spec["groups"]:
        raise Unfit("another than the node itself asked")
    usages = set(spec["usages"])
    if usages - {"key encipherment"} != {"digital signature", usage}:
        raise Unfit(f"it is for {', '.join(sorted(usages))}")
    body = decode(spec["request"])
    request = x509.load_der_x509_csr(body)
    key = request.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise Unfit("its key is not one of ECDSA P-256")
    if not request.is_signature_valid:
        raise Unfit("its signature is wrong")
    key = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    written = [der(DNS_NAME, names[0].value.encode()), der(IP_ADDRESS, names[1].value.packed)] if names else []
    wanted = [request_info(node, key, written, string) for string in (UTF8_STRING, PRINTABLE_STRING)]
    if request.tbs_certrequest_bytes not in wanted or request.public_bytes(Encoding.DER) != body:
        raise Unfit(difference(request, node, names))


def node_of(spec, declared):
    """The declared node whose request it is to answer."""
    kind, _, name = spec["username"].rpartition(":")
    if spec["signerName"] not in (CLIENT, SERVING):
        return None
    if kind == "system:bootstrap":
        return next((node for node, own in declared.items() if own.get("token") == name), None)
    return name if kind == "system:node" and name in declared else None


def reason_against(spec, node, declared):
    """Whatever a request holds, it gets an answer: what cannot be read does not fit."""
    try:
        check(spec, node, declared)
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

    declared: name of a node -> {"ip", "token": id of its bootstrap token while it joins}.
    """
    spec, name = csr["spec"], csr["metadata"]["name"]
    # Kubernetes lets a request be called anything but a path; a kubelet's is a plain word. Nothing is done under another.
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,252}", name):
        return "Unknown", plain(spec["username"]), "calls it what no kubelet does"
    node = node_of(spec, declared)
    if node is None:
        return "Unknown", plain(spec["username"]), "is not declared in ConfigMap kube-system/groundwork-nodes"
    reason = reason_against(spec, node, declared[node])
    return ("Denied", node, plain(reason)) if reason else ("Approved", node, "matches what is declared")
