"""A folder of a bucket, by S3's protocol with AWS' signature of version 4: Python's own library, as masters have it. curl signs,
too, but Ubuntu 22.04's does not sign what is uploaded."""

import base64
import configparser
import datetime
import hashlib
import hmac
import http.client
import os
import re
import ssl
import time
import urllib.parse
import urllib.request
import xml.etree.ElementTree

PATIENCE = 300


class Refused(OSError):
    """What a server said in place of doing it. `status`: 0 where it said nothing."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


def quoted(text, safe=""):
    return urllib.parse.quote(text, safe=f"{safe}-_.~")


def digests_of(path):
    """What a signature has of a file, and what a bucket with object lock asks for."""
    signed, other = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            signed.update(block)
            other.update(block)
    return signed.hexdigest(), base64.b64encode(other.digest()).decode()


def words_of(answer):
    """What a server says is wrong: S3's code and message, or the beginning of whatever else it sent."""
    text = answer.decode(errors="replace")
    try:
        texts = texts_of(answer)
        text = ": ".join(texts[key][0] for key in ("Code", "Message") if texts.get(key, [""])[0]) or text
    except xml.etree.ElementTree.ParseError:
        pass
    return "".join(letter if letter.isprintable() else " " for letter in text[:300])


def texts_of(answer):
    """The texts of an answer's elements, by their names."""
    texts = {}
    for element in xml.etree.ElementTree.fromstring(answer).iter():
        texts.setdefault(element.tag.rpartition("}")[2], []).append(element.text or "")
    return texts


class Bucket:
    """What `config` names: endpoint, bucket, whether its name stands in the host (addressing), region, prefix, and ca, a file with
    authorities, or null."""

    def __init__(self, config, credentials):
        self.region, self.prefix = config["region"], config["prefix"]
        self.base = urllib.parse.urlsplit(config["endpoint"])
        if config["addressing"] == "virtual":
            self.base = self.base._replace(netloc=f"{config['bucket']}.{self.base.netloc}")
            self.root = self.base.path
        else:
            self.root = f"{self.base.path}/{config['bucket']}"
        self.context = ssl.create_default_context(cafile=config["ca"]) if self.base.scheme == "https" else None
        self.id, self.secret = self.login(credentials)

    @staticmethod
    def login(path):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string(text if re.match(r"(\s*[#;].*\n)*\s*\[", text) else f"[default]\n{text}")
            section = parser["default"] if "default" in parser else parser[parser.sections()[0]]
            return section["aws_access_key_id"], section["aws_secret_access_key"]
        except (configparser.Error, KeyError) as error:
            # The error's own words may have the line, and so the secret.
            raise OSError(f"{path} is no file of credentials as programs of AWS keep them ({type(error).__name__})") from None

    def headers(self, method, path, query, payload):
        """Host, time, digest of what is sent, and the signature of all."""
        now = datetime.datetime.now(datetime.timezone.utc)
        moment, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        headers = {"host": self.base.netloc, "x-amz-content-sha256": payload, "x-amz-date": moment}
        names = ";".join(headers)
        request = "\n".join([method, path, query, *[f"{name}:{value}" for name, value in headers.items()], "", names, payload])
        scope = f"{day}/{self.region}/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()])
        key = f"AWS4{self.secret}".encode()
        for part in (*scope.split("/"), text):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signed = f"AWS4-HMAC-SHA256 Credential={self.id}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
        return {**headers, "authorization": signed}

    def connection(self):
        """To the server, or by the proxy that the environment names for it; and what requests to it begin with."""
        host, port = self.base.hostname, self.base.port
        proxy = urllib.request.getproxies().get(self.base.scheme)
        if proxy and not urllib.request.proxy_bypass(host):
            by = urllib.parse.urlsplit(proxy)
            if not self.context:
                return http.client.HTTPConnection(by.hostname, by.port or 3128, timeout=PATIENCE), f"http://{self.base.netloc}"
            through = http.client.HTTPSConnection(by.hostname, by.port or 3128, timeout=PATIENCE, context=self.context)
            through.set_tunnel(host, port or 443)
            return through, ""
        if self.context:
            return http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=self.context), ""
        return http.client.HTTPConnection(host, port, timeout=PATIENCE), ""

    def once(self, method, path, query, body):
        connection, before = self.connection()
        try:
            url = before + (f"{path}?{query}" if query else path)
            try:
                if body is None:
                    connection.request(method, url, headers=self.headers(method, path, query, hashlib.sha256(b"").hexdigest()))
                else:
                    payload, md5 = digests_of(body)
                    more = {"content-length": str(os.path.getsize(body)), "content-md5": md5}
                    with open(body, "rb") as file:
                        connection.request(method, url, body=file, headers={**self.headers(method, path, query, payload), **more})
            except (BrokenPipeError, ConnectionResetError):
                # Who refuses may do so, and hang up, before all is sent: it said why.
                if not connection.sock:
                    raise
            answer = connection.getresponse()
            elsewhere = answer.getheader("location") if 300 <= answer.status < 400 else None
            return answer.status, f"go to {elsewhere}".encode() if elsewhere else answer.read(1 << 24)
        finally:
            connection.close()

    def ask(self, method, name="", query=None, body=None):
        """The answer to a request; a server that fails, or that nobody reaches, is asked three times. None is followed elsewhere."""
        path = quoted(f"{self.root}/{self.prefix}{name}" if name else self.root or "/", "/")
        words = "&".join(f"{quoted(key)}={quoted(value)}" for key, value in sorted((query or {}).items()))
        for attempt in range(1, 4):
            try:
                status, answer = self.once(method, path, words, body)
            except (OSError, http.client.HTTPException) as error:
                status, answer = 0, f"{error or type(error).__name__}".encode()
            if 200 <= status < 300:
                return answer
            if status not in (0, 429) and status < 500:
                break
            if attempt < 3:
                time.sleep(2**attempt)
        said = f"{status or 'no answer'} {words_of(answer)}".strip()
        raise Refused(status, f"{method} {self.base.scheme}://{self.base.netloc}{path}: {said}")

    def put(self, name, path):
        self.ask("PUT", name, body=path)

    def delete(self, name):
        """What is gone is gone, whoever did it."""
        try:
            self.ask("DELETE", name)
        except Refused as error:
            if error.status != 404:
                raise

    def names(self):
        """Of what lies in the folder itself."""
        found, token, seen = [], None, set()
        while True:
            # Encoded, as names may have letters that XML has no way to say.
            query = {"list-type": "2", "prefix": self.prefix, "delimiter": "/", "encoding-type": "url"}
            answer = self.ask("GET", query={**query, "continuation-token": token} if token else query)
            try:
                texts = texts_of(answer)
                decoded = urllib.parse.unquote_plus if texts.get("EncodingType") == ["url"] else str
                found += [decoded(key)[len(self.prefix) :] for key in texts.get("Key", [])]
                if texts.get("IsTruncated", ["false"]) != ["true"]:
                    return [name for name in found if name and "/" not in name]
                seen.add(token)
                [token] = texts["NextContinuationToken"]
            except (xml.etree.ElementTree.ParseError, KeyError, ValueError):
                raise OSError(f"{self.base.scheme}://{self.base.netloc} sent no list of a bucket: {words_of(answer)}") from None
            if token in seen:
                raise OSError(f"{self.base.scheme}://{self.base.netloc} sends its list of the bucket without an end")
