import assert from "node:assert/strict";
import { CephCluster } from "./cephCluster";
import { assertIsTheFile, leftovers } from "./expected";
import { converge, destroyCommand, eventually, json, kubectl, must, on, run } from "./lab";

interface Answer {
  readonly nodes: readonly {
    readonly name: string;
    readonly findings: readonly { readonly name: string; readonly text: string }[];
  }[];
}

const node = "worker-01";
const ceph = new CephCluster("master-01");
const succeed = (command: string) => {
  const { status, stdout, output } = on(node, `set -e\n${command}`);
  assert.equal(status, 0, output);
  return stdout.trim();
};
const findings = () => {
  const { stdout, output } = run("npm run -s preflight -- --file .lab/cluster.yaml --json");
  assert.ok(stdout.startsWith("{"), output);
  const { nodes } = JSON.parse(stdout) as Answer;
  return nodes.flatMap(({ name, findings }) =>
    findings.map((one) => `${name} ${one.name}: ${one.text}`),
  );
};

/** Restarts the machine as an administrator does, and waits until it answers again. */
async function reboot(how = "", seconds = 240): Promise<void> {
  const boot = "cat /proc/sys/kernel/random/boot_id";
  const before = succeed(boot);
  on(node, `systemctl reboot ${how}`);
  await eventually(() => assert.notEqual(succeed(boot), before), seconds);
}

const staging = "/var/lib/kubelet/plugins/kubernetes.io/csi/rbd.csi.ceph.com/a/globalmount";

/** What the driver of ceph-csi does to give a pod a volume, with the key and the options it is given: maps it in the kernel. */
function stageVolume(name: string): void {
  const { data } = json<{ data: { userID: string; userKey: string } }>(
    "kubectl -n ceph-csi get secret csi-rbd-secret -o json",
  );
  const { parameters } = json<{
    parameters: { pool: string; imageFeatures: string; mapOptions: string };
  }>("kubectl get storageclass ceph-rbd -o json");
  const { pool, imageFeatures, mapOptions } = parameters;
  succeed(`
    umask 077; base64 -d >/run/rbd.key <<<${data.userKey}
    rbd() { command rbd --id $(base64 -d <<<${data.userID}) --keyfile /run/rbd.key --pool ${pool} "$@"; }
    rbd create --size 512M --image-feature ${imageFeatures} ${name}
    rbd map --options ${mapOptions.replace("krbd:", "")} ${name}
    rm /run/rbd.key
    mkfs.ext4 -q /dev/rbd0
    mkdir -p ${staging}
    mount /dev/rbd0 ${staging}`);
}

/** On the machines of `clusters/virtual.yaml` with nothing on them, of which one has a kernel of its own. */
describe("a machine with a distribution's kernel", function () {
  this.timeout(1_200_000);

  before(() => {
    must("pulumi stack select dev --create");
    // Of a former run of these tests.
    if (on(node, "ls /dev/mapper/vault").status === 0) return;
    for (const disk of ["plain", "vault"]) must(`lab/node plug ${node} ${disk} 6`);
    // Encrypted, and opened at boot, as an administrator does it.
    succeed(`
      udevadm settle
      head -c 32 /dev/urandom >/etc/vault.key; chmod 600 /etc/vault.key
      cryptsetup luksFormat --batch-mode --pbkdf pbkdf2 --pbkdf-force-iterations 1000 /dev/disk/by-id/virtio-vault /etc/vault.key
      echo 'vault /dev/disk/by-id/virtio-vault /etc/vault.key luks' >>/etc/crypttab
      systemctl daemon-reload; systemctl start systemd-cryptsetup@vault.service; udevadm settle; ls -l /dev/mapper/vault`);
  });

  it("is fit, with every module that a node needs", () => {
    assert.deepEqual(findings(), []);
  });

  it("is known by what Calico's WireGuard and kube-proxy's IPVS left in its kernel", () => {
    succeed(
      "ip link add wireguard.cali type wireguard; ip link add kube-ipvs0 type dummy; ipvsadm -A -t 10.96.0.1:443 -s rr",
    );
    const found = findings();
    for (const says of [
      /^worker-01 link-conflict: .* kube-ipvs0/,
      /^worker-01 network-links: .* wireguard\.cali$/,
      /^worker-01 network-rules: .* IPVS service TCP$/,
    ])
      assert.ok(
        found.some((one) => says.test(one)),
        found.join("\n"),
      );
    assert.equal(found.length, 3, found.join("\n"));
    succeed("ip link delete wireguard.cali; ip link delete kube-ipvs0; ipvsadm -C");
  });

  it("is known by a module that its kernel lacks, and by an update that took the modules away", () => {
    const modules = "/lib/modules/$(uname -r)";
    succeed(
      `modprobe -r vxlan; file=$(echo ${modules}/kernel/drivers/net/vxlan/vxlan.ko*); mv $file /root/; depmod`,
    );
    assert.match(
      findings().join("\n"),
      /^worker-01 kernel-module: the kernel \S+-cloud-amd64 lacks vxlan$/,
    );
    succeed(
      `mv /root/vxlan.ko* ${modules}/kernel/drivers/net/vxlan/; depmod; mv ${modules} /root/modules`,
    );
    assert.match(
      findings().join("\n"),
      /^worker-01 kernel-module: \S+ is gone, as after an update of the kernel: .*vxlan/,
    );
    succeed(`mv /root/modules ${modules}`);
    assert.deepEqual(findings(), []);
  });

  it("becomes a node, whose OSDs are a logical volume and an encrypted disk", async () => {
    converge();
    await assertIsTheFile();
    await eventually(() => ceph.assertWhole(["master-01"], [0, 1, 2]), 120);
    assert.match(succeed("lvs --noheadings --options lv_name"), /^osd-block-\S+$/);
    assert.match(succeed("lsblk --noheadings --output TYPE /dev/mapper/vault"), /^crypt$/);
    assert.match(succeed("ceph-bluestore-tool show-label --dev /dev/mapper/vault"), /"whoami"/);
  });

  it("has all of it again after a reboot: settings, modules, disks, daemons, pods", async () => {
    await reboot();
    succeed(`
      while read -r module; do [ -d /sys/module/$module ]; done </etc/modules-load.d/groundwork.conf
      while IFS=' =' read -r key value; do [ "$(sysctl -n $key)" = "$value" ]; done </etc/sysctl.d/90-groundwork.conf`);
    await eventually(() => ceph.assertWhole(["master-01"], [0, 1, 2]), 240);
    await assertIsTheFile();
  });

  it("gives a volume from its kernel, with the key and the options that the driver is given", () => {
    stageVolume("first");
    succeed(`echo kept >${staging}/file; umount ${staging}; mount /dev/rbd0 ${staging}`);
    assert.equal(succeed(`cat ${staging}/file`), "kept");
    assert.match(kubectl("get storageclass ceph-rbd -o name"), /ceph-rbd/);
  });

  it("leaves, though a volume has much to write to an OSD that is gone, and tells what its kernel keeps", async () => {
    succeed(`head -c 128M /dev/urandom >${staging}/much`);
    const { status, output } = run(destroyCommand, { seconds: 600 });
    assert.equal(status, 0, output);
    const kept = succeed("ls /sys/bus/rbd/devices");
    const told = succeed("journalctl --quiet --boot --identifier groundwork");
    assert.equal(
      /left \/dev\/rbd0: it is in use, or its Ceph does not answer/.test(told),
      kept !== "",
      told,
    );
    // systemd gives up what cannot be written after some minutes.
    if (kept !== "") await reboot("--force", 480);
    assert.equal(succeed("ls /sys/bus/rbd/devices 2>/dev/null || true"), "");
    assert.equal(leftovers(node), "");
    assert.equal(
      succeed("lvs --noheadings; wipefs /dev/disk/by-id/virtio-plain /dev/mapper/vault"),
      "",
    );
    assert.match(succeed("cat /etc/crypttab"), /vault/);
    assert.deepEqual(findings(), []);
  });
});
