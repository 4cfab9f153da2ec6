"""The part of bcrypt the manager uses, by the C library's crypt(3)."""
import ctypes
import ctypes.util
import hmac
import os

_library = ctypes.CDLL("libcrypt.so.1")
_library.crypt_rn.restype = ctypes.c_char_p
_library.crypt_gensalt_rn.restype = ctypes.c_char_p


def gensalt(rounds=12, prefix=b"2b"):
    output = ctypes.create_string_buffer(192)
    entropy = os.urandom(16)
    return _library.crypt_gensalt_rn(
        b"$" + prefix + b"$", ctypes.c_ulong(rounds), entropy, len(entropy), output, len(output)
    )


def hashpw(password, salt):
    data = ctypes.create_string_buffer(32768)
    result = _library.crypt_rn(password, salt, data, len(data))
    if result is None or not result.startswith(b"$2"):
        raise ValueError("Invalid salt")
    return result


def checkpw(password, hashed_password):
    return hmac.compare_digest(hashpw(password, hashed_password), hashed_password)
