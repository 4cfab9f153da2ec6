"""A folder of a bucket, by S3's protocol with AWS' signature of version 4: Python's own library, as masters have it. curl signs,
too, but Ubuntu 22.04's does not sign what is uploaded."""

import configparser
import datetime
import hashlib
import hmac
import http.client
import os
import ssl
import time
import urllib.parse
import urllib.request
import xml.etree.ElementTree

PATIENCE = 300


def quoted(text, safe=""):
    return urllib.parse.quote(text, safe=f"{safe}-_.~")


def digest_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class Bucket:
    """What `config` names: endpoint, bucket, region, prefix, and ca, a file with authorities, or null."""

    def __init__(self, config, credentials):
        self.region, self.prefix = config["region"], config["prefix"]
        self.base = urllib.parse.urlsplit(config["endpoint"])
        self.root = f"{self.base.path}/{config['bucket']}"
        self.context = ssl.create_default_context(cafile=config["ca"]) if self.base.scheme == "https" else None
        self.id, self.secret = self.login(credentials)

    @staticmethod
    def login(path):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(text if text.lstrip().startswith("[") else f"[default]\n{text}")
        section = parser["default"] if "default" in parser else parser[parser.sections()[0]]
        return section["aws_access_key_id"], section["aws_secret_access_key"]

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
        """To the server, or by the proxy that the environment names for it."""
        host, port = self.base.hostname, self.base.port
        proxy = urllib.request.getproxies().get(self.base.scheme)
        if proxy and not urllib.request.proxy_bypass(host):
            by = urllib.parse.urlsplit(proxy)
            if not self.context:
                return http.client.HTTPConnection(by.hostname, by.port or 3128, timeout=PATIENCE)
            through = http.client.HTTPSConnection(by.hostname, by.port or 3128, timeout=PATIENCE, context=self.context)
            through.set_tunnel(host, port or 443)
            return through
        if self.context:
            return http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=self.context)
        return http.client.HTTPConnection(host, port, timeout=PATIENCE)

    def once(self, method, path, query, payload, body):
        connection = self.connection()
        try:
            url = f"{path}?{query}" if query else path
            headers = self.headers(method, path, query, payload)
            if body is None:
                connection.request(method, url, headers=headers)
            else:
                with open(body, "rb") as file:
                    connection.request(method, url, body=file, headers={**headers, "content-length": str(os.path.getsize(body))})
            answer = connection.getresponse()
            return answer.status, answer.read(1 << 24)
        finally:
            connection.close()

    def ask(self, method, name="", query=None, body=None):
        """The answer to a request; a server that fails, or that nobody reaches, is asked three times."""
        path = quoted(f"{self.root}/{self.prefix}{name}" if name else self.root, "/")
        words = "&".join(f"{quoted(key)}={quoted(value)}" for key, value in sorted((query or {}).items()))
        payload = digest_of(body) if body else hashlib.sha256(b"").hexdigest()
        for attempt in range(1, 4):
            try:
                status, answer = self.once(method, path, words, payload, body)
            except (OSError, http.client.HTTPException) as error:
                status, answer = 0, str(error).encode()
            if 200 <= status < 300:
                return answer
            if status not in (0, 429) and status < 500:
                break
            if attempt < 3:
                time.sleep(2**attempt)
        said = answer.decode(errors="replace").replace("\n", " ")[:300]
        raise OSError(f"{method} {self.base.scheme}://{self.base.netloc}{path}: {status or 'no answer'} {said}")

    def put(self, name, path):
        self.ask("PUT", name, body=path)

    def delete(self, name):
        self.ask("DELETE", name)

    def names(self):
        """Of what lies in the folder itself."""
        found, token = [], None
        while True:
            more = {"continuation-token": token} if token else {}
            tree = xml.etree.ElementTree.fromstring(self.ask("GET", query={"list-type": "2", "prefix": self.prefix, **more}))
            texts = {}
            for element in tree.iter():
                texts.setdefault(element.tag.rpartition("}")[2], []).append(element.text or "")
            found += [key[len(self.prefix) :] for key in texts.get("Key", [])]
            if texts.get("IsTruncated") != ["true"]:
                return [name for name in found if "/" not in name]
            token = texts["NextContinuationToken"][0]
