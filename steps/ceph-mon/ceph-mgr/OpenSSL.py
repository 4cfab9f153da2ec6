"""The part of pyOpenSSL by which the manager checks the dashboard's certificate, by the standard library."""
import ssl
import tempfile
import time


class _Certificate:
    def __init__(self, text):
        with tempfile.NamedTemporaryFile() as file:
            file.write(text.encode() if isinstance(text, str) else text)
            file.flush()
            self._fields = ssl._ssl._test_decode_cert(file.name)

    def has_expired(self):
        return ssl.cert_time_to_seconds(self._fields["notAfter"]) < time.time()

    def get_notAfter(self):
        end = time.gmtime(ssl.cert_time_to_seconds(self._fields["notAfter"]))
        return time.strftime("%Y%m%d%H%M%SZ", end).encode()

    def get_issuer(self):
        return self

    def get_components(self):
        names = {"organizationName": b"O", "commonName": b"CN"}
        issuer = [field for part in self._fields["issuer"] for field in part]
        return [(names[name], value.encode()) for name, value in issuer if name in names]


class _PrivateKey:
    def __init__(self, text):
        if not text.startswith("-----BEGIN "):
            raise ValueError("not in PEM form")

    def check(self):
        return True


class crypto:
    Error = ssl.SSLError
    FILETYPE_PEM = 1
    load_certificate = staticmethod(lambda _, text: _Certificate(text))
    load_privatekey = staticmethod(lambda _, text: _PrivateKey(text))


class SSL:
    Error = ssl.SSLError
    TLSv1_METHOD = 1

    class Context:
        def __init__(self, _):
            self._certificate = None

        def use_certificate_file(self, path, _):
            self._certificate = path

        def use_privatekey_file(self, path, _):
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self._certificate, path)

        def check_privatekey(self):
            """Done: keys that do not match do not load."""
