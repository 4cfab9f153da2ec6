# shellcheck shell=bash
# The lab's own TLS authority, which its machines trust as a site's would be trusted.

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

pki=$lab/pki

# pki_up: makes the authority once, and the certificate of this machine's services when it is missing or about to end.
pki_up() {
  local sign=(-days 825 -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial)
  mkdir -p "$pki"
  chmod 700 "$pki"
  if [ ! -e "$pki/ca.crt" ]; then
    new_key "$pki/ca.key"
    openssl req -x509 -new -sha256 -days 3650 -key "$pki/ca.key" -subj "/CN=groundwork lab" \
      -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign" \
      -out "$pki/ca.crt.new"
    mv "$pki/ca.crt.new" "$pki/ca.crt"
  fi
  if ! openssl x509 -in "$pki/server.crt" -noout -checkend 604800 >/dev/null 2>&1; then
    new_key "$pki/server.key"
    openssl req -new -key "$pki/server.key" -subj "/CN=$gateway" -out "$pki/server.csr"
    openssl x509 -req -sha256 -in "$pki/server.csr" "${sign[@]}" -out "$pki/server.crt.new" -extfile <(
      echo "subjectAltName=IP:$gateway"
      echo "basicConstraints=critical,CA:FALSE"
      echo "keyUsage=critical,digitalSignature"
      echo "extendedKeyUsage=serverAuth"
    ) 2>/dev/null
    mv "$pki/server.crt.new" "$pki/server.crt"
  fi
}

new_key() {
  (umask 077 && openssl ecparam -name prime256v1 -genkey -noout -out "$1")
}
