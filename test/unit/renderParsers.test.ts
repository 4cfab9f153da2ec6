import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { knownFlags } from "../../config/flags";
import { gates } from "../../config/gates/gates";
import type { Daemon } from "../../config/owned";
import { type FileOnNode, filesOn, unitsOn } from "../graph/nodeFiles";
import { badIssuers, goodIssuer } from "./badIssuers";
import { inFolder, withValue } from "./clusterSample";
import { builtByLab, installed, need, run } from "./parsers";

/** The programs of Kubernetes are one, called by its links' names. */
const kubernetes = () => builtByLab("kubernetes", "kubernetes");
const nothingBuilt = "the lab has built no Kubernetes on this machine";

/** The words of a unit's `ExecStart` that are flags. */
function flagsOf(unit: string): string[] {
  const command = /^ExecStart=((?:.*\\\n)*.*)$/m.exec(unit)?.[1] ?? "";
  return command.split(/\s+/).filter((word) => word.startsWith("--"));
}

const isDaemon = (name: string): name is Daemon => Object.keys(knownFlags).includes(name);

describe("the real parsers take what is rendered", () => {
  let units: Map<string, string>;
  let master: Map<string, FileOnNode>;
  let worker: Map<string, FileOnNode>;
  before(async () => {
    units = new Map([
      ...(await unitsOn("small", "master-01")),
      ...(await unitsOn("small", "worker-01")),
    ]);
    master = await filesOn("small", "master-01");
    worker = await filesOn("small", "worker-01");
  });
  const unitOf = (name: string): string => {
    const unit = units.get(name);
    assert.ok(unit, `there is no ${name}`);
    return unit;
  };
  const contentOf = (files: Map<string, FileOnNode>, path: string): string => {
    const file = files.get(path);
    assert.ok(file, `there is no ${path}`);
    return file.content;
  };

  it("systemd: every unit", function () {
    const analyze = need(this, installed("systemd-analyze"), "systemd-analyze is not installed");
    inFolder((folder) => {
      const verify = (paths: readonly string[]) =>
        run(analyze, ["verify", "--man=no", "--recursive-errors=no", ...paths])
          .text.split("\n")
          .filter((line) => line.includes(folder));
      const paths = [...units].map(([name, text]) => {
        const path = join(folder, name);
        // The programs are not installed here; all else of the unit is judged.
        writeFileSync(path, text.replaceAll(/^(Exec\w+=)\/\S+/gm, "$1/bin/true"));
        return path;
      });
      assert.deepEqual(verify(paths), []);
      const broken = join(folder, "broken.service");
      writeFileSync(broken, "[Service]\nExecStart=/bin/true\nRestart=maybe\n");
      assert.equal(verify([broken]).length, 1, "systemd-analyze finds no fault with anything");
    });
  });

  it("haproxy: a worker's configuration", function () {
    const haproxy = need(this, installed("haproxy"), "haproxy is not installed");
    inFolder((folder) => {
      const config = contentOf(worker, "/etc/kubernetes/haproxy.cfg");
      const path = join(folder, "haproxy.cfg");
      // No test has a real certificate; all else of the file is judged.
      writeFileSync(path, config.replace(/required ca-file \S+/, "none"));
      const { status, text } = run(haproxy, ["-c", "-f", path]);
      assert.equal(status, 0, text);
      writeFileSync(path, config.replace("balance", "balanse"));
      assert.notEqual(run(haproxy, ["-c", "-f", path]).status, 0);
    });
  });

  it("kubelet: its flags and its configuration", function () {
    const program = need(this, kubernetes(), nothingBuilt);
    inFolder((folder) => {
      const kubelet = join(folder, "kubelet");
      symlinkSync(program, kubelet);
      const dropIns = join(folder, "etc/kubernetes/kubelet.conf.d");
      mkdirSync(dropIns, { recursive: true });
      mkdirSync(join(folder, "var/lib/kubelet"), { recursive: true });
      const header = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";
      writeFileSync(join(dropIns, "00-facts.conf"), `${header}failCgroupV1: false\n`);
      const flags = flagsOf(unitOf("kubelet.service")).map((flag) =>
        flag.replace("=/", `=${folder}/`),
      );
      // It ends where it finds no kubeconfig, or that it is not root: after it has taken all of its configuration.
      const judge = (config: string) => {
        writeFileSync(join(folder, "var/lib/kubelet/config.yaml"), config);
        return run(kubelet, [...flags, `--root-dir=${folder}/r`, `--cert-dir=${folder}/c`]).text;
      };
      const config = contentOf(worker, "/var/lib/kubelet/config.yaml");
      const accepted = /unable to load kubeconfig|needs to run as uid/;
      assert.match(judge(config), accepted);
      assert.doesNotMatch(judge(config), /lenient|deprecated|unknown/i);
      assert.match(judge(`${config}noSuchField: 1\n`), /unknown field .*noSuchField/);
      assert.doesNotMatch(judge(`${config}imageGCHighThresholdPercent: 200\n`), accepted);
    });
  });

  /** Runs an API server by a folder with its files, which ends of what is wrong with them, or looks for its etcd. */
  function startsWith(context: Mocha.Context, folder: string, flags: readonly string[] = []) {
    const apiServer = join(folder, "kube-apiserver");
    if (!existsSync(apiServer)) {
      symlinkSync(need(context, kubernetes(), nothingBuilt), apiServer);
      const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const pem = { type: "pkcs8", format: "pem" } as const;
      writeFileSync(join(folder, "sa.key"), privateKey.export(pem));
      writeFileSync(join(folder, "sa.pub"), publicKey.export({ type: "spki", format: "pem" }));
    }
    const own = [
      "--etcd-servers=http://127.0.0.1:1",
      "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
      `--service-account-key-file=${folder}/sa.pub`,
      `--service-account-signing-key-file=${folder}/sa.key`,
      "--service-cluster-ip-range=10.96.0.0/16",
      "--authorization-mode=Node,RBAC",
      "--secure-port=6443",
      `--cert-dir=${folder}/certs`,
      `--authentication-config=${folder}/authentication.yaml`,
      `--admission-control-config-file=${folder}/admission.yaml`,
      `--audit-policy-file=${folder}/audit-policy.yaml`,
      `--audit-log-path=${folder}/audit.log`,
    ];
    // It tells of this one when it has taken all of them, and ends of the next line that nobody reads.
    const until = 'exec "$@" 2>&1 | sed "/controller=.node_authorizer/q"';
    const { text } = run("bash", ["-c", until, "bash", apiServer, ...own, ...flags]);
    return { starts: text.includes("node_authorizer"), text };
  }
  const answered = ["authentication.yaml", "admission.yaml", "audit-policy.yaml"];

  it("kube-apiserver: whom it believes, what it logs, and no issuer that the file refuses", async function () {
    this.timeout(60_000);
    const files = await filesOn("single", "node-01");
    inFolder((folder) => {
      for (const name of answered)
        writeFileSync(join(folder, name), contentOf(files, `/etc/kubernetes/${name}`));
      const believed = parse(contentOf(files, "/etc/kubernetes/authentication.yaml")) as {
        jwt: object[];
      };
      const judge = (jwt: readonly object[]) => {
        writeFileSync(join(folder, "authentication.yaml"), stringify({ ...believed, jwt }));
        return startsWith(this, folder, [
          "--enable-admission-plugins=NodeRestriction,AlwaysPullImages,EventRateLimit",
        ]);
      };
      const issuer = (n: number, path: string, value: unknown) => {
        const one = withValue(goodIssuer, ["issuer", "url"], `https://${n}.example.org`);
        const parts = path.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : part));
        return withValue(path.endsWith("URL") ? goodIssuer : one, parts, value);
      };
      const good = judge([...believed.jwt, issuer(0, "issuer.audiences", ["kubernetes"])]);
      assert.ok(good.starts, good.text);
      assert.doesNotMatch(good.text, /lenient|deprecated/i);
      const bad = judge(badIssuers.map(([path, value], n) => issuer(n, path, value)));
      // This one shows only when there is nothing else: it is looked for later.
      const itself = badIssuers.findIndex(([, value]) => /kubernetes.default/.test(String(value)));
      const [path = "", value] = badIssuers[itself] ?? [];
      assert.match(judge([issuer(0, path, value)]).text, /disallowed issuers/);
      badIssuers.forEach(([path, value], n) => {
        assert.ok(
          n === itself || bad.text.includes(`jwt[${n}].`),
          `Kubernetes takes ${path} ${JSON.stringify(value)}: ${bad.text}`,
        );
      });
    });
  });

  it("kube-apiserver: ends of flags that the file refuses for it", async function () {
    this.timeout(60_000);
    const files = await filesOn("small", "master-01");
    inFolder((folder) => {
      for (const name of answered)
        writeFileSync(join(folder, name), contentOf(files, `/etc/kubernetes/${name}`));
      for (const flag of [
        "oidc-issuer-url",
        "anonymous-auth",
        "authorization-config",
        "authorization-webhook-config-file",
        "service-account-signing-endpoint",
        "insecure-port",
      ]) {
        const value =
          flag === "oidc-issuer-url"
            ? "https://a.example.org"
            : flag === "anonymous-auth"
              ? "false"
              : "/dev/null";
        const { starts, text } = startsWith(this, folder, [`--${flag}=${value}`]);
        assert.ok(!starts, `it takes ${flag}`);
        assert.match(
          text,
          new RegExp(flag.replace("-issuer-url", "").replace("-config-file", "")),
          flag,
        );
      }
    });
  });

  for (const name of [
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "etcd",
    "flanneld",
  ]) {
    it(`${name}: its flags`, function () {
      const found = name.startsWith("kube-")
        ? need(this, kubernetes(), nothingBuilt)
        : need(
            this,
            builtByLab(name === "flanneld" ? "flannel" : name, name),
            `the lab has built no ${name} on this machine`,
          );
      inFolder((folder) => {
        const program = join(folder, name);
        symlinkSync(found, program);
        const help = run(program, ["--help"]).text;
        const known = new Set(
          [...help.matchAll(/^\s*(?:-\w, )?--?([a-z0-9-]+)/gm)].map(([, flag = ""]) => flag),
        );
        assert.ok(known.size > 15, `${name} --help shows hardly a flag`);
        const flags = flagsOf(unitOf(`${name}.service`)).map(
          (flag) => flag.slice(2).split("=")[0] ?? "",
        );
        assert.ok(flags.length > 0);
        assert.deepEqual(
          flags.filter((flag) => !known.has(flag)),
          [],
        );
        if (isDaemon(name)) assert.deepEqual([...known].sort(), knownFlags[name]);
        // All of them list the gates of all, as they are one program; those that are locked they leave out.
        const listed = [...help.matchAll(/^ +(?:kube:)?([A-Z]\w+)=true\|false/gm)].map(
          ([, gate = ""]) => gate,
        );
        if (name === "kube-apiserver") assert.ok(listed.length > 100);
        if (name.startsWith("kube-"))
          assert.deepEqual(
            listed.filter((gate) => gates[gate]?.at(-1) !== "o"),
            [],
          );
      });
    });
  }

  it("kubectl: every kubeconfig", function () {
    const program = need(this, kubernetes(), nothingBuilt);
    inFolder((folder) => {
      const kubectl = join(folder, "kubectl");
      symlinkSync(program, kubectl);
      const configs = [...master.values(), ...worker.values()].filter(({ content }) =>
        /"?kind"?: "?Config"?,?$/m.test(content),
      );
      assert.ok(configs.length > 5);
      for (const { path, content } of configs) {
        const file = join(folder, "config");
        writeFileSync(file, content);
        const { status, text } = run(kubectl, [
          `--kubeconfig=${file}`,
          "config",
          "view",
          "--minify",
        ]);
        assert.equal(status, 0, `${path}: ${text}`);
        assert.match(text, /server: https:\/\/127\.0\.0\.1:6443/, path);
      }
    });
  });
});
