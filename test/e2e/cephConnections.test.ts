import assert from "node:assert/strict";
import { CephCluster } from "./cephCluster";
import { assertIsTheFile } from "./expected";
import { converge, editCluster, must, on, settle } from "./lab";

const ceph = new CephCluster("master-01");
const nodes = ["master-01", "worker-01"];

/** Says how many packets that a machine sends or gets have a word in them, until it is stopped. */
const listener = `import signal, socket, sys
seen = 0
def end(*_):
    print(seen, flush=True)
    sys.exit()
signal.signal(signal.SIGTERM, end)
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
wire.setsockopt(socket.SOL_SOCKET, 33, 1 << 25)
while True:
    if sys.argv[1].encode() in wire.recv(65535): seen += 1
`;

/** How many packets on the worker's wires have what is written to an object, of which both machines keep a copy. */
function packetsWith(word: string): number {
  const unit = `listens-${word}`;
  assert.equal(on("worker-01", `cat >/root/listen.py <<'END'\n${listener}END`).status, 0);
  assert.equal(
    on(
      "worker-01",
      `systemd-run --quiet --unit=${unit} --property=StandardOutput=file:/root/${unit} python3 /root/listen.py ${word}; sleep 1`,
    ).status,
    0,
  );
  ceph.run(`bash -c 'yes ${word} | head -c 4M | rados -p kubernetes put ${word} -'`);
  assert.equal(ceph.run(`bash -c 'rados -p kubernetes get ${word} - | head -n 1'`).trim(), word);
  const { stdout, output } = on("worker-01", `systemctl stop ${unit}; cat /root/${unit}`);
  assert.match(stdout, /^\d+\n$/, output);
  return Number(stdout);
}

/** MiB that one client writes in a second, in objects of 4 MiB. */
function rate(): number {
  const said = ceph.run("rados -p kubernetes bench 10 write --concurrent-ios 8");
  return Number(/^Bandwidth \(MB\/sec\): +([\d.]+)$/m.exec(said)?.[1]);
}

const setMode = (mode: string) =>
  editCluster((file) => file.setIn(["cluster", "ceph", "connection_mode"], mode));
/** What comes of a client that offers no encryption. */
const plainClient = () => on("master-01", "timeout 20 rados --ms_client_mode=crc -p kubernetes ls");

/** On the machines of `clusters/volumes.yaml`, bare or as a cluster. */
describe("what Ceph's daemons and clients say to each other", function () {
  this.timeout(600_000);
  let plain = 0;

  before(async () => {
    must("pulumi stack select dev --create");
    converge();
    await assertIsTheFile();
  });

  it("can be read on the wire where the file does not say otherwise", () => {
    assert.ok(packetsWith("in-the-clear") > 0, "the listener hears nothing");
    assert.equal(plainClient().status, 0);
    plain = rate();
  });

  it("cannot where it is to be encrypted, and who does not encrypt is refused", async () => {
    setMode("secure");
    const ran = settle();
    assert.deepEqual(
      ran.filter((step) => !/^ceph-/.test(step)),
      [],
    );
    await assertIsTheFile();
    assert.equal(packetsWith("encrypted"), 0);
    assert.notEqual(plainClient().status, 0);
    for (const node of nodes)
      assert.equal(on(node, "timeout 30 ceph --connect-timeout 15 health").status, 0, node);
    const secure = rate();
    console.log(
      `      ${secure.toFixed(0)} MiB/s in place of ${plain.toFixed(0)}: ${(secure / plain).toFixed(2)}`,
    );
    assert.ok(secure > 0);
  });

  it("can again where the file goes back", async () => {
    setMode("crc");
    settle();
    await assertIsTheFile();
    assert.ok(packetsWith("in-the-clear-again") > 0);
    assert.equal(plainClient().status, 0);
  });
});
