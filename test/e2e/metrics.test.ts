import assert from "node:assert/strict";
import { parseMetrics } from "../unit/prometheusText";
import { eventually, json, kubectl, must, on } from "./lab";

const nodes = ["master-01", "master-02", "master-03", "worker-01", "worker-02"];
const rights = "docs/examples/metrics/rights.yaml";

/** What a machine tells node_exporter. */
function metricsOf(node: string): Map<string, number> {
  const { stdout, output, status } = on(
    node,
    "systemctl start groundwork-metrics.service && cat /var/lib/groundwork/metrics/groundwork.prom",
  );
  assert.equal(status, 0, output);
  return parseMetrics(stdout);
}

describe("what there is to scrape", function () {
  this.timeout(120_000);

  it("is of each machine its lock, its steps, its certificates and versions, as they are", () => {
    for (const node of nodes) {
      const metrics = [...metricsOf(node)];
      const of = (pattern: RegExp) => metrics.filter(([key]) => pattern.test(key));
      assert.equal(of(new RegExp(`^groundwork_lock_.*cluster="lab".*node="${node}"`)).length, 1);
      const [[, kubelet] = ["", 0]] = of(/^groundwork_step_change.*step="kubelet"/);
      assert.ok(kubelet > 0 && kubelet <= Date.now() / 1000);
      const ends = of(/^groundwork_certificate_expiry/);
      assert.ok(ends.length >= (node.startsWith("master") ? 15 : 5), `${ends.length} on ${node}`);
      for (const [key, end] of ends) assert.ok(end > Date.now() / 1000, `${key} ends at ${end}`);
      assert.equal(of(/component="kubelet",version="v1\.36\.3"/).length, 1);
      const timer = on(
        node,
        "systemctl is-active groundwork-metrics.timer; stat -c %a /var/lib/groundwork/metrics{,/groundwork.prom}",
      );
      assert.equal(timer.stdout, "active\n755\n644\n");
      // Whoever node_exporter runs as.
      assert.equal(
        on(
          node,
          "setpriv --reuid=65534 --clear-groups test -r /var/lib/groundwork/metrics/groundwork.prom",
        ).status,
        0,
      );
    }
  });

  it("is an event of the Node, too, where a certificate ends soon", async () => {
    const path = "/etc/ceph/probe.crt";
    on(
      "worker-02",
      `mkdir -p /etc/ceph && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -days 9 -subj /CN=probe -out ${path}`,
    );
    on("worker-02", "systemctl start groundwork-metrics.service");
    const events = await eventually(() => {
      const found = json<{ items: { involvedObject: { name: string }; message: string }[] }>(
        "kubectl get events --field-selector reason=CertificateEndsSoon --output json",
      ).items;
      assert.ok(found.length > 0);
      return found;
    }, 30);
    on("worker-02", `rm ${path}`);
    assert.deepEqual(
      events.map(({ involvedObject }) => involvedObject.name),
      ["worker-02"],
    );
    assert.match(events[0]?.message ?? "", /: \/etc\/ceph\/probe\.crt \([89]\);/);
  });

  it("may be read with the rights of the example, which allow nothing else", () => {
    kubectl(`apply -f ${rights}`);
    const token = kubectl("--namespace monitoring create token prometheus").trim();
    const ask = (node: string, ca: string, url: string) =>
      on(
        node,
        `curl --silent --max-time 10 --output /dev/null --write-out '%{http_code}' --cacert /etc/kubernetes/pki/${ca} --header @- ${url} <<'END'
Authorization: Bearer ${token}
END`,
      ).stdout;
    const api = "https://10.77.0.11:6443";
    const kubelet = "https://10.77.0.21:10250";
    for (const [node, ca, url, code] of [
      ["master-02", "ca.crt", `${api}/metrics`, "200"],
      ["master-02", "ca.crt", `${api}/api/v1/nodes`, "200"],
      ["master-02", "kubelet-serving-ca.crt", `${kubelet}/metrics`, "200"],
      ["master-02", "kubelet-serving-ca.crt", `${kubelet}/metrics/cadvisor`, "200"],
      ["master-02", "ca.crt", "https://127.0.0.1:10257/metrics", "200"],
      ["master-02", "ca.crt", "https://127.0.0.1:10259/metrics", "200"],
      ["master-02", "ca.crt", "http://127.0.0.1:2381/metrics", "200"],
      ["worker-01", "ca.crt", "http://127.0.0.1:10249/metrics", "200"],
      ["master-02", "ca.crt", `${api}/api/v1/secrets`, "403"],
      ["master-02", "ca.crt", `${api}/api/v1/pods`, "403"],
      ["master-02", "ca.crt", `${api}/debug/pprof/`, "403"],
      ["master-02", "kubelet-serving-ca.crt", `${kubelet}/pods`, "403"],
      ["master-02", "kubelet-serving-ca.crt", `${kubelet}/logs/`, "403"],
    ] as const) {
      assert.equal(ask(node, ca, url), code, url);
    }
    must(`kubectl delete -f ${rights}`);
  });
});
