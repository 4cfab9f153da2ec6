import assert from "node:assert/strict";
import { leftovers } from "./expected";
import { destroyCommand, editCluster, must, on, run, upCommand } from "./lab";

interface Answer {
  readonly nodes: readonly {
    readonly name: string;
    readonly failure?: string;
    readonly taken?: boolean;
    readonly findings: readonly { readonly name: string; readonly acceptable: boolean }[];
  }[];
  readonly endpoint: readonly unknown[];
}

const preflight = (args = "") => run(`npm run -s preflight -- --file .lab/cluster.yaml ${args}`);
const examine = () => {
  const { status, stdout, output } = preflight("--json");
  assert.ok(stdout.startsWith("{"), output);
  return { status, ...(JSON.parse(stdout) as Answer) };
};
const succeed = (node: string, command: string) => {
  const { status, output } = on(node, `set -e\n${command}`);
  assert.equal(status, 0, output);
};

/** What is written there from now on, but for what logs in. */
const mark = "touch /run/mark; sleep 0.1";
const written = (node: string) =>
  on(
    node,
    "find /etc /opt /root /srv /usr /var -xdev -newer /run/mark ! -path '/var/log*' ! -path '/var/lib/systemd/*' 2>/dev/null",
  ).stdout;

/** A package without content that apt can install on the machine: its own, of no archive. */
const debian = (name: string, fields: string) => `
  mkdir -p /srv/repo/${name}/DEBIAN
  printf '%s\\n' 'Package: ${name}' 'Version: 9' 'Architecture: all' 'Maintainer: none' ${fields} 'Description: for a test' >/srv/repo/${name}/DEBIAN/control
  dpkg-deb --build /srv/repo/${name} /srv/repo/${name}.deb >/dev/null
  { cat /srv/repo/${name}/DEBIAN/control; printf '%s\\n' 'Filename: ./${name}.deb' "Size: $(stat -c %s /srv/repo/${name}.deb)" "SHA256: $(sha256sum /srv/repo/${name}.deb | cut -d' ' -f1)" ''; } >>/srv/repo/Packages`;

/** How a machine comes to each finding, and how it is rid of it. */
const obstacles: Readonly<Record<string, readonly [put: string, remove: string]>> = {
  "cloud-init": [
    "mkdir -p /etc/cloud; echo 'manage_etc_hosts: true' >/etc/cloud/cloud.cfg; ln -s /bin/true /usr/local/bin/cloud-init",
    "rm -r /etc/cloud /usr/local/bin/cloud-init",
  ],
  "cni-config": [
    "mkdir -p /etc/cni/net.d; echo '{}' >/etc/cni/net.d/05-cilium.conflist",
    "rm /etc/cni/net.d/05-cilium.conflist",
  ],
  "container-runtime": [
    "printf '[Service]\\nExecStart=/usr/bin/sleep infinity\\n' >/run/systemd/system/docker.service; systemctl daemon-reload; systemctl start docker",
    "systemctl stop docker; rm /run/systemd/system/docker.service; systemctl daemon-reload",
  ],
  firewall: [
    "nft add table inet guard; nft add chain inet guard input '{ type filter hook input priority 0; policy drop; }' \\; add rule inet guard input accept",
    "nft delete table inet guard",
  ],
  "foreign-cluster": [
    "printf '[Service]\\nExecStart=/bin/true\\n' >/etc/systemd/system/k3s.service; mkdir -p /var/lib/rancher/k3s",
    "rm -r /etc/systemd/system/k3s.service /var/lib/rancher",
  ],
  immutable: ["chattr +i /etc/hosts", "chattr -i /etc/hosts"],
  "link-conflict": ["ip link add cni0 type bridge", "ip link delete cni0"],
  "network-links": ["ip link add cali12 type veth peer name peer12", "ip link delete cali12"],
  "network-routes": [
    "ip route add 10.244.200.0/24 via 10.77.0.11 proto bird; ip route add 10.244.0.0/16 via 10.77.0.11 table 52; ip route add blackhole 10.96.7.0/24; ip route add 10.0.0.0/8 via 10.77.0.11",
    "ip route delete 10.244.200.0/24; ip route flush table 52; ip route delete blackhole 10.96.7.0/24; ip route delete 10.0.0.0/8",
  ],
  "network-rules": ["iptables -N KUBE-OLD", "iptables -X KUBE-OLD; nft delete table ip filter"],
  noexec: [
    "mount -o remount,bind,noexec /var/lib/kubelet",
    "mount -o remount,bind,exec /var/lib/kubelet",
  ],
  "package-conflict": [
    "dpkg --purge --force-depends socat >/dev/null; apt-get -q -y install theirs >/dev/null",
    "dpkg --purge theirs >/dev/null",
  ],
  "pod-mounts": [
    "mkdir -p /var/lib/kubelet/pods/old; mount -t tmpfs tmpfs /var/lib/kubelet/pods/old",
    "umount /var/lib/kubelet/pods/old; rm -r /var/lib/kubelet/pods",
  ],
  proxy: [
    "systemctl set-environment HTTPS_PROXY=http://me:secret@10.77.0.9:3128",
    "systemctl unset-environment HTTPS_PROXY",
  ],
  resolver: [
    "cp /etc/resolv.conf /root/resolv.conf; echo nameserver 127.0.0.1 >/etc/resolv.conf",
    "mv /root/resolv.conf /etc/resolv.conf",
  ],
  sysctl: [
    "echo 'vm.overcommit_memory = 2' >/etc/sysctl.d/99-database.conf",
    "rm /etc/sysctl.d/99-database.conf",
  ],
};

describe("machines that had another life", function () {
  this.timeout(400_000);
  const node = "worker-01";
  let names: readonly string[];
  before(() => {
    must("pulumi stack select dev --create");
    // The machine's own archive: what the lab's nodes reach has no such packages.
    succeed(
      node,
      `: >/srv/.keep; ${debian("socat", "'Conflicts: theirs'")}
       ${debian("theirs", "'Section: misc'")}
       ${debian("needs-socat", "'Depends: socat'")}
       mv /etc/apt/sources.list /etc/apt/sources.list.kept
       echo 'deb [trusted=yes] file:/srv/repo ./' >/etc/apt/sources.list
       apt-get -q update >/dev/null 2>&1`,
    );
  });

  it("are fit when they are bare, and nothing is written to them", () => {
    succeed(node, mark);
    const { status, nodes, endpoint } = examine();
    names = nodes.map(({ name }) => name);
    assert.deepEqual(
      nodes.flatMap(({ findings }) => findings),
      [],
    );
    assert.deepEqual(endpoint, [], "that nothing listens yet is no finding");
    assert.equal(status, 0);
    assert.equal(written(node), "");
  });

  it("are known by all they have of it, each by its name, and nothing is written to them", () => {
    succeed(
      node,
      Object.values(obstacles)
        .map(([put]) => put)
        .join("\n"),
    );
    succeed(node, mark);
    const { status, nodes } = examine();
    assert.equal(status, 1);
    const named = nodes.map(({ name, findings }) => [
      name,
      [...new Set(findings.map(({ name }) => name))].sort(),
    ]);
    assert.deepEqual(
      named,
      names.map((name) => [name, name === node ? Object.keys(obstacles).sort() : []]),
    );
    const { output } = preflight(node);
    assert.match(output, /worker-01 \(10\.77\.0\.21\) is not fit\n/);
    assert.match(output, /apt would remove theirs, to install/);
    assert.match(
      output,
      /2 routes take packets of cluster\.networking\.pod_cidr .*: 10\.244\.0\.0\/16 via 10\.77\.0\.11 dev \S+ \(protocol boot in table 52\), 10\.244\.200\.0\/24 via 10\.77\.0\.11 dev \S+ \(protocol bird in table main\)\n.*'ip route delete 10\.244\.0\.0\/16 table 52'/,
    );
    assert.match(
      output,
      /1 routes take packets of cluster\.networking\.service_cidr .*: blackhole /,
    );
    assert.doesNotMatch(output, /secret|master-01/);
    assert.equal(written(node), "");
  });

  it("are fit when they are rid of it", () => {
    succeed(
      node,
      Object.values(obstacles)
        .map(([, remove]) => remove)
        .join("\n"),
    );
    const { status, output } = preflight();
    assert.equal(status, 0, output);
  });

  it("are told from one that cannot be examined", () => {
    must("lab/node kill worker-01");
    try {
      const { status, output } = preflight();
      assert.equal(status, 2, output);
      assert.match(output, /worker-01 \(10\.77\.0\.21\) could not be examined/);
      assert.match(output, /master-01 \(10\.77\.0\.11\) is fit/);
    } finally {
      must("lab/node start worker-01");
    }
    succeed(node, "ls /srv/repo/Packages");
  });

  const data = "/var/lib/etcd/mine";
  const theirs: Readonly<Record<string, readonly [put: string, look: string]>> = {
    "a table of nft": [
      "nft add table inet filter; nft add chain inet filter mine; nft add rule inet filter mine accept",
      "nft list chain inet filter mine",
    ],
    "rules of iptables": [
      "iptables -N MINE; iptables -A MINE -j ACCEPT; iptables -t nat -N DOCKER; iptables -t nat -A DOCKER -j RETURN",
      "iptables-save | grep -E '^-A (MINE|DOCKER)' | sort",
    ],
    "a link": [
      "ip link add vethab12 type veth peer name vethcd34",
      "ip -o link show vethab12 | cut -d: -f2",
    ],
    "a namespace in which a program runs": [
      "ip netns add cni-mine; ip netns exec cni-mine setsid sleep 1000 >/dev/null 2>&1 & sleep 1",
      "ip netns pids cni-mine | wc -l",
    ],
    "what is mounted from the same file system": [
      `mkdir -p ${data} /var/lib/kubelet/mine; echo precious >${data}/file; mount --bind ${data} /var/lib/kubelet/mine`,
      `cat ${data}/file /var/lib/kubelet/mine/file`,
    ],
    "a package, and what it needs of ours": [
      "apt-get -q -y install needs-socat >/dev/null",
      "dpkg-query -W -f '${Package} ${db:Status-Abbrev}\\n' needs-socat socat",
    ],
    "routes that were accepted, or lead elsewhere": [
      "ip route add 10.99.0.0/24 via 10.77.0.11 proto static",
      "ip route show 10.244.201.0/24; ip route show 10.99.0.0/24",
    ],
    "a unit": [
      "printf '[Service]\\nExecStart=/usr/bin/sleep infinity\\n' >/run/systemd/system/mine.service; systemctl daemon-reload; systemctl start mine",
      "systemctl is-active mine",
    ],
  };
  const look = () =>
    Object.fromEntries(
      Object.entries(theirs).map(([what, [, command]]) => [what, on(node, command).stdout]),
    );

  const meanwhile = "10.244.202.0/24";
  it("become nodes, and stay fit as such", () => {
    succeed(node, "ip route add 10.244.201.0/24 via 10.77.0.11 proto static");
    editCluster((file) => file.addIn(["cluster", "preflight", "allow"], "network-routes"));
    const result = run(upCommand, { seconds: 300 });
    assert.equal(result.status, 0, result.output);
    const { status, nodes, endpoint } = examine();
    assert.equal(status, 0, JSON.stringify(nodes));
    assert.deepEqual(endpoint, []);
    assert.ok(nodes.every(({ taken }) => taken));
  });

  it("leave, and keep all that others put there meanwhile", () => {
    for (const [put] of Object.values(theirs)) succeed(node, put);
    succeed(node, `ip route add ${meanwhile} via 10.77.0.11`);
    const before = look();
    for (const [what, seen] of Object.entries(before)) assert.notEqual(seen, "", what);
    const result = run(destroyCommand, { seconds: 280 });
    assert.equal(result.status, 0, result.output);
    assert.deepEqual(look(), before);
    assert.equal(on(node, `ip route show ${meanwhile}`).stdout, "");
  });

  it("are fit again", () => {
    succeed(
      node,
      `kill $(ip netns pids cni-mine); ip netns delete cni-mine; umount /var/lib/kubelet/mine; rm -r /var/lib/kubelet/mine ${data}
       ip route delete 10.244.201.0/24; ip route delete 10.99.0.0/24
       iptables -F; iptables -X; iptables -t nat -F; iptables -t nat -X; nft flush ruleset`,
    );
    assert.equal(
      leftovers(node)
        .replaceAll(/^.*(vethab12|vethcd34|cni-mine).*$/gm, "")
        .trim(),
      "",
    );
    const { status, nodes } = examine();
    assert.equal(status, 0, JSON.stringify(nodes));
  });
});
