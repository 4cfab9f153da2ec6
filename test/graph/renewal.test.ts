import assert from "node:assert/strict";
import { readers as services, reads } from "../../steps/services";
import { versionsAt } from "../unit/clusterSample";
import { filesOn } from "./nodeFiles";
import { recordProgram } from "./record";
import { readProgram } from "./program";
import { recordSample, sampleFile } from "./samples";
import { births, commands, named } from "./select";

/** Which steps read a certificate: after each of their names the units that start anew with it. */
const controlPlane = (node: string, ...units: string[]) => ({ [`${node}-control-plane`]: units });
const onMasters = (...units: string[]) => ({
  ...controlPlane("master-01", ...units),
  ...controlPlane("master-02", ...units),
  ...controlPlane("master-03", ...units),
});
const everyNode = ["master-01", "master-02", "master-03", "worker-01", "worker-02"];

const readers: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  "pki-apiserver-kubelet-client": onMasters("kube-apiserver"),
  "pki-apiserver-etcd-client": onMasters("kube-apiserver"),
  "pki-front-proxy-client": onMasters("kube-apiserver"),
  "pki-controller-manager": onMasters("kube-controller-manager"),
  "pki-scheduler": onMasters("kube-scheduler"),
  "pki-kube-proxy": Object.fromEntries(
    everyNode.map((node) => [`${node}-kubelet`, ["kube-proxy"]]),
  ),
  "pki-master-01-apiserver": controlPlane(
    "master-01",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
  ),
  "pki-master-02-etcd-server": { "master-02-etcd": ["etcd"] },
  "pki-master-02-etcd-peer": { "master-02-etcd": ["etcd"] },
  "pki-approver": onMasters("groundwork-admission"),
  // Read whenever they are used.
  "pki-admin": {},
  "pki-super-admin": {},
};

describe("a renewed certificate", () => {
  for (const [name, expected] of Object.entries(readers)) {
    it(`${name} lets those run again that read it, and starts anew what they run`, async () => {
      const before = await recordSample("small");
      const after = await recordProgram(sampleFile("small"), { renewed: `${name}-cert`, before });
      const born = births(after);
      const changed = commands(after).flatMap((command) => {
        const was = readProgram(named(before, command.name).program);
        const is = readProgram(command.program);
        if (born.includes(command) || command.name.endsWith("-credentials")) return [];
        const linesOf = ({ variables }: typeof is) => new Set(variables.READS?.split("\n"));
        const units = [...linesOf(is)]
          .filter((line) => !linesOf(was).has(line))
          .map((line) => line.replace(/\.service .*/, ""));
        return JSON.stringify(was) === JSON.stringify(is) ? [] : [[command.name, units]];
      });
      assert.deepEqual(Object.fromEntries(changed), expected);
    });
  }

  it("has its readers in this list, whichever it is", async () => {
    const { resources } = await recordSample("small");
    const kinds = resources
      .filter(({ type }) => type === "tls:index/locallySignedCert:LocallySignedCert")
      .map(({ name }) => name.replace(/-cert$/, "").replace(/master-0\d/, "master"));
    const known = new Set(Object.keys(readers).map((name) => name.replace(/master-0\d/, "master")));
    assert.deepEqual(
      kinds.filter((kind) => !known.has(kind)),
      [],
    );
  });
});

describe("what a service reads", () => {
  it("is on its machine, and every credential has a reader", async () => {
    const graph = await recordSample("small");
    const files = await filesOn("small", "master-01");
    const elsewhere =
      /^\/usr\/local\/lib\/groundwork\/(kubernetes|etcd|flannel)-|^\/etc\/kubernetes\/kubelet\.conf\.d$/;
    const onWorkers = "/etc/kubernetes/haproxy.cfg";
    for (const service of services())
      for (const path of reads(service, versionsAt("1.36.3")))
        assert.ok(
          elsewhere.test(path) || path === onWorkers || files.has(path),
          `${service} reads ${path}, which nobody writes`,
        );
    const read = new Set<string>(
      services().flatMap((service) => reads(service, versionsAt("1.36.3"))),
    );
    const onUse = /\/admin\.conf$/;
    const credentials = readProgram(named(graph, "master-01-credentials").program).files;
    const unread = Object.keys(credentials)
      .map((key) => key.split(" ")[0] ?? "")
      .filter((path) => !read.has(path) && !onUse.test(path));
    assert.deepEqual(unread, []);
  });
});
