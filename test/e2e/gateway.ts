import assert from "node:assert/strict";
import { eventually, must, on } from "./lab";

/** The machine that the gateway runs on, which has a monitor and an OSD. */
export const host = "worker-01";
const name = "s3.lab";
export const endpoint = "https://10.77.0.21:7443";
/** Below whose name buckets have names of their own. */
export const namedEndpoint = `https://${name}:7443`;
/** By which snapshots are put. The secret has what secrets of S3 have. */
export const [id, secret] = ["AKIALAB", "wJalr+XUtn/FEMI/K7=MDENG"];

const folder = "/var/lib/gateway";
const user = "client.rgw.lab";
const admin = `radosgw-admin --name ${user} --keyring ${folder}/keyring`;
const pools = [".rgw.root"].concat(
  ["log", "control", "meta", "buckets.index", "buckets.data", "buckets.non-ec"].map(
    (kind) => `default.rgw.${kind}`,
  ),
);

/** An authority, and a certificate for the gateway and for its buckets' names. */
const certificate = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=storage -keyout ca.key -out ca.crt \
  -addext keyUsage=critical,keyCertSign 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=${name} -keyout server.key -out server.csr 2>/dev/null
printf 'subjectAltName=IP:10.77.0.21,DNS:${name},DNS:*.${name}\\n' >names
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile names -out server.crt 2>/dev/null
`;

const unit = `[Service]
ExecStart=/usr/bin/radosgw -f --name ${user} --keyring ${folder}/keyring --setuser ceph --setgroup ceph \
  --rgw-dns-name ${name} --rgw-max-listing-results 4 --rgw-thread-pool-size 64 \
  "--rgw-frontends=beast ssl_endpoint=10.77.0.21:7443 ssl_certificate=${folder}/server.crt ssl_private_key=${folder}/server.key"
`;

function succeed(node: string, command: string): string {
  const { status, stdout, output } = on(node, command);
  assert.equal(status, 0, output);
  return stdout;
}

/**
 * Ceph's gateway of S3, from Debian's package, which lists four objects at a time; its buckets have names that `nodes` know.
 * @returns who signed its certificate, in PEM
 */
export async function makeGateway(nodes: readonly string[]): Promise<string> {
  for (const path of must("lab/packages.sh trixie radosgw").trim().split("\n"))
    must(`lab/ssh ${host} 'cat >/root/package.deb && dpkg -i /root/package.deb 2>&1' <${path}`);
  for (const node of nodes)
    succeed(node, `echo 10.77.0.21 ${name} lab-backups.${name} >>/etc/hosts`);
  succeed(
    host,
    `set -e; mkdir -p ${folder}; cd ${folder}; ${certificate}
    for pool in ${pools.join(" ")}; do
      ceph osd pool create $pool 4 4 replicated --autoscale-mode=off --yes-i-really-mean-it
      ceph osd pool application enable $pool rgw
    done 2>&1
    ceph auth get-or-create ${user} mon 'allow rw' osd 'allow rwx' >keyring
    chown -R ceph:ceph .
    cat >/etc/systemd/system/gateway.service <<'END'
${unit}END`,
  );
  await startGateway();
  succeed(
    host,
    `${admin} user create --uid lab --display-name Lab --access-key ${id} --secret-key '${secret}' 2>&1`,
  );
  return succeed(host, `cat ${folder}/ca.crt`);
}

/** Starts it, and waits until it answers. */
export async function startGateway(): Promise<void> {
  succeed(host, "systemctl start gateway");
  await eventually(
    () =>
      succeed(
        host,
        `curl -sS --max-time 5 --cacert ${folder}/ca.crt ${endpoint} 2>&1 || { journalctl -u gateway -n 5; exit 1; }`,
      ),
    120,
  );
}

export const stopGateway = () => succeed(host, "systemctl stop gateway");

/** How many bytes the user may keep; undefined: as many as it likes. */
export const setQuota = (bytes: number | undefined) =>
  succeed(
    host,
    bytes === undefined
      ? `${admin} quota disable --quota-scope user --uid lab 2>&1`
      : `{ ${admin} quota set --quota-scope user --uid lab --max-size ${bytes} && ${admin} quota enable --quota-scope user --uid lab; } 2>&1`,
  );

/**
 * A request by curl, as an operator makes it on a machine of theirs, which is the worker here.
 * @param options of curl
 */
export const request = (path: string, options = "") =>
  succeed(
    host,
    `cd /root && curl -sS --fail-with-body --cacert ${folder}/ca.crt --aws-sigv4 aws:amz:us-east-1:s3 --user '${id}:${secret}' ${options} '${endpoint}/${path}'`,
  );

/** Names of a bucket's objects, as Ceph has them. */
export const objectsOf = (bucket: string) =>
  (
    JSON.parse(
      succeed(host, `${admin} bucket list --bucket ${bucket} --max-entries 1000 2>/dev/null`),
    ) as readonly { readonly name: string }[]
  )
    .map(({ name }) => name)
    .sort();

/** Runs Python on a machine, which has a `bucket` of the program that sends snapshots, with some settings that are others. */
export const python = (node: string, settings: object, program: string): string =>
  must(`lab/ssh ${node} python3 -B -`, {
    input: `import json, sys
sys.path.insert(0, "/usr/local/lib/groundwork/snapshot")
import s3
with open("/etc/groundwork/snapshots.json") as file:
    config = json.load(file)["s3"]
bucket = s3.Bucket({**config, **json.loads(r"""${JSON.stringify(settings)}""")}, "/etc/groundwork/s3-credentials")
${program}
`,
  }).trim();
