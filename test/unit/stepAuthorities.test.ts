import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readProgram } from "../graph/program";
import type { Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { assertRefused, FakeMachine, programOf, replaced } from "./fakeMachine";
import { take } from "./furnish";

const pki = "etc/kubernetes/pki";
const unit = "etc/systemd/system/kube-controller-manager.service";
const state = "var/lib/cluster-state";

/** A cluster whose file asks for the second authorities. */
describe("authorities that follow others", function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), "groundwork-authorities-"));
  const certificates = new Map<string, string>();
  let graph: Graph;
  let machine: FakeMachine;

  /** A certificate that names itself as its issuer. */
  function certificate(name: string): string {
    const known = certificates.get(name);
    if (known !== undefined) return known;
    const [key, cert] = [join(folder, "key"), join(folder, "cert")];
    execFileSync(
      "openssl",
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ${key} -out ${cert} -subj /CN=${name} -days 9`.split(
        " ",
      ),
      { stdio: "ignore" },
    );
    const text = readFileSync(cert, "utf8");
    certificates.set(name, text);
    return text;
  }

  before(async () => {
    graph = await recordSample("restore");
  });
  after(() => rmSync(folder, { recursive: true }));
  beforeEach(() => {
    machine = new FakeMachine();
    take(machine, graph, "master-01");
    for (const name of ["ca", "kubelet-serving-ca"]) {
      const commonName = name === "ca" ? "kubernetes" : name;
      machine.write(`${pki}/${name}.crt`, certificate(commonName));
      machine.write(`${pki}/${name}.key`, `key of ${name}\n`);
    }
    machine.write(
      unit,
      "--cluster-signing-kubelet-client-cert-file=/etc/kubernetes/pki/ca.crt \\\n" +
        "  --cluster-signing-kubelet-client-key-file=/etc/kubernetes/pki/ca.key \\\n" +
        "  --root-ca-file=/etc/kubernetes/pki/ca.crt\n",
      0o600,
    );
    machine.write("state/units/kube-apiserver.service.active", "2026-01-01 00:00:00.000000 UTC\n");
    machine.write("etc/kubernetes/admin.conf", '{"users": [{"user": {}}]}');
  });
  afterEach(() => machine.close());

  const run = (OLDEST = "1", more: Record<string, string> = {}) =>
    machine.run(programOf(graph, "master-01-authorities", { OLDEST, ...more }));
  const daysAgo = (days: number) =>
    new Date(Date.now() - days * 86_400_000).toISOString().replace(/\.\d+/, "");

  /** The node is through with the second, and still trusts the first. */
  function through(): void {
    machine.write(`${state}/authorities`, "2\n");
    machine.write(`${state}/authorities-through`, "2\n");
    machine.write(`${pki}/ca.crt`, certificate("kubernetes-2") + certificate("kubernetes"));
    for (const [kind, name] of [
      ["client", "kubernetes-2"],
      ["server", "kubelet-serving-ca-2"],
    ] as const)
      machine.write(`var/lib/kubelet/pki/kubelet-${kind}-current.pem`, certificate(name));
    const { IDENTITY } = readProgram(programOf(graph, "master-01-authorities")).variables;
    machine.write(`${state}/steps/kubelet`, `at=2026-01-01T00:00:00Z\nidentity=${IDENTITY}\n`);
    tells(certificate("kubernetes-2") + certificate("kubernetes"));
    runs(1);
  }
  /** What a namespace tells its pods since two days. */
  const tells = (text: string) =>
    machine.write(
      "state/configmaps",
      JSON.stringify({
        items: [
          {
            metadata: {
              namespace: "default",
              managedFields: [
                { time: daysAgo(2), fieldsV1: { "f:data": { "f:ca.crt": {} } } },
                // Somebody notes something on it, now and then.
                { time: daysAgo(0), fieldsV1: { "f:metadata": { "f:annotations": {} } } },
              ],
            },
            data: { "ca.crt": text },
          },
        ],
      }),
    );
  /** A pod that started so many days ago. */
  const runs = (days: number, restarted = days, sidecar = restarted) =>
    machine.write(
      "state/pods",
      JSON.stringify({
        items: [
          {
            metadata: { namespace: "default", name: "web" },
            spec: {
              volumes: [{ projected: { sources: [{ configMap: { name: "kube-root-ca.crt" } }] } }],
            },
            status: {
              startTime: daysAgo(days),
              initContainerStatuses: [
                { state: { terminated: { startedAt: daysAgo(days) } } },
                { state: { running: { startedAt: daysAgo(sidecar) } } },
              ],
              containerStatuses: [{ state: { running: { startedAt: daysAgo(restarted) } } }],
            },
          },
          {
            metadata: { namespace: "default", name: "without" },
            spec: {},
            status: { startTime: daysAgo(9) },
          },
        ],
      }),
    );

  it("leave a master what it signs with, in a place of its own, and restart nothing", () => {
    const { status, stderr, calls } = run();
    assert.equal(status, 0, stderr);
    assert.equal(machine.read(`${pki}/signing/ca.key`), "key of ca\n");
    assert.equal(
      machine.read(`${pki}/signing/kubelet-serving-ca.crt`),
      certificate("kubelet-serving-ca"),
    );
    assert.equal(
      machine.read(unit),
      "--cluster-signing-kubelet-client-cert-file=/etc/kubernetes/pki/signing/ca.crt \\\n" +
        "  --cluster-signing-kubelet-client-key-file=/etc/kubernetes/pki/signing/ca.key \\\n" +
        "  --root-ca-file=/etc/kubernetes/pki/ca.crt\n",
    );
    assert.ok(!calls.some((call) => call.startsWith("systemctl restart")));
    // Killed after others were put beside it, it keeps what it has.
    machine.write(`${pki}/ca.crt`, certificate("kubernetes-2") + certificate("kubernetes"));
    assert.equal(run().stdout, "unchanged");
    assert.equal(machine.read(`${pki}/signing/ca.crt`), certificate("kubernetes"));
  });

  it("are nothing to a machine that has none yet", () => {
    machine.remove(pki);
    machine.remove(unit);
    machine.remove("etc/kubernetes/admin.conf");
    assert.equal(run("2").stdout, "unchanged");
    assert.ok(!machine.exists(pki));
  });

  it("are not taken back on a node that may know them, by whichever step", () => {
    machine.write(`${state}/authorities`, "3\n");
    const words =
      /may have certificates of authorities 3, .*asks for authorities 2: .*nothing was changed/;
    assertRefused(run(), words);
    assertRefused(machine.run(programOf(graph, "master-01-credentials")), words);
    assert.equal(machine.read(`${pki}/ca.crt`), certificate("kubernetes"));
  });

  it("are not the only ones where a node has others, or did not come to its end", () => {
    through();
    assert.equal(run("2").status, 0);
    machine.write(
      "var/lib/kubelet/pki/kubelet-server-current.pem",
      certificate("kubelet-serving-ca"),
    );
    assertRefused(
      run("2"),
      /the kubelet of master-01 still has a certificate of authorities 1: .*server-current/,
    );
    // By hand it takes no certificate away either.
    assertRefused(run("2", { IDENTITY: "" }), /the kubelet of master-01 still has a certificate/);
    machine.remove(`${state}/authorities-through`);
    assertRefused(run("2"), /master-01 has certificates of authorities 1; nothing was changed/);
  });

  it("are the only ones at once on a machine that was lost and turns up, which asks as a new one", () => {
    through();
    const [client, server] = ["client", "server"].map(
      (kind) => `var/lib/kubelet/pki/kubelet-${kind}-current.pem`,
    );
    machine.write(client ?? "", certificate("kubernetes"));
    machine.write(`${state}/steps/kubelet`, "at=2026-01-01T00:00:00Z\nidentity=former\n");
    machine.remove(`${state}/authorities-through`);
    const { status, stderr } = run("2");
    assert.equal(status, 0, stderr);
    assert.ok(!machine.exists(client ?? ""));
    assert.ok(machine.exists(server ?? ""));
  });

  it("are not the only ones while pods may know but others, or nobody says", () => {
    through();
    runs(3);
    assertRefused(
      run("2"),
      /1 pods have started before they were told of authorities 2.* default\/web;/,
    );
    // Its program has read it anew since.
    runs(3, 1);
    assert.equal(run("2").status, 0);
    // A container that goes with it has not.
    runs(3, 1, 3);
    assertRefused(run("2"), /1 pods have started before .* default\/web;/);
    runs(3, 1);
    tells(certificate("kubernetes"));
    assertRefused(
      run("2"),
      /namespace default still tells its pods to trust the former authorities alone/,
    );
    // Where it is forgotten already, it was asked before.
    tells(certificate("kubernetes-2"));
    runs(3);
    assert.equal(run("2").status, 0);
    tells("no certificate");
    assert.equal(run("2").status, 1);
    machine.remove("state/pods");
    assertRefused(run("2"), /Kubernetes does not say what pods trust/);
    machine.remove("state/units/kube-apiserver.service.active");
    assertRefused(run("2"), /the API server of master-01 does not run/);
    // What trusts no former one asks nobody.
    machine.write(`${pki}/ca.crt`, certificate("kubernetes-2"));
    assert.equal(run("2").status, 0);
  });

  it("sign when all API servers trust them, pods are told, and what signed before goes", () => {
    run();
    const told = (name: string) =>
      machine.write(
        "state/api/api_v1_namespaces_kube-system_configmaps_kube-root-ca.crt",
        JSON.stringify({ data: { "ca.crt": certificate(name) } }),
      );
    const sign = () =>
      machine.run(replaced(programOf(graph, "master-01-signing"), "wait_for 90", "wait_for 0"));
    told("kubernetes");
    assertRefused(sign(), /pods were not told of authorities 2 within 90 s/);
    told("kubernetes-2");
    assert.equal(sign().status, 0);
    assert.match(machine.read(`${pki}/signing/ca.key`), /pki-ca-2-key/);
    assert.ok(!machine.exists(`${pki}/ca.key`));
  });
});
