import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { released } from "../../config/released";
import { corefile } from "../../manifests/coredns";
import { proxyFiles, proxyWords } from "../../steps/lib/proxy";
import { preflight } from "../../steps/preflight";
import { registryFiles, registryLogins } from "../../steps/prepare/registries";
import { planOf, problemsOf, sampleFile, version, withValue } from "./clusterSample";

/** The sample with some of its fields below `cluster` set. */
const cluster = (fields: Readonly<Record<string, unknown>>) =>
  Object.entries(fields).reduce(
    (file, [path, value]) => withValue(file, ["cluster", ...path.split(".")], value),
    sampleFile(),
  );
const problem = (
  fields: Readonly<Record<string, unknown>>,
  files: Readonly<Record<string, string>> = {},
) => problemsOf(cluster(fields), files).map((line) => line.replaceAll(/\/\S*config-\w+\//g, "F/"));

/** An authority of nobody. */
const authority = execFileSync(
  "openssl",
  "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /dev/null -subj /CN=site -days 2".split(
    " ",
  ),
  { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
);
const files = { password: "s3cret\n", "ca.pem": authority };

describe("a proxy in the file", () => {
  const proxy = { http: "http://proxy:3128/", https: "http://proxy:3128" };
  const of = (fields: Readonly<Record<string, unknown>>) => planOf(cluster(fields)).proxy;

  it("is not asked for the machine itself, for what lives in the cluster, and for what the file names", () => {
    assert.deepEqual(
      of({
        proxy: { ...proxy, no_proxy: [".example.org", "10.0.0.0/8"] },
        endpoint: "api.site:6443",
        "networking.cluster_domain": "k8s.site",
      }),
      {
        http: "http://proxy:3128",
        https: "http://proxy:3128",
        noProxy:
          "localhost,127.0.0.1,127.0.0.0/8,.svc,.k8s.site,10.244.0.0/16,10.96.0.0/16,api.site,.example.org,10.0.0.0/8",
      },
    );
    assert.equal(of({}), undefined);
    for (const [written, meant] of [
      ["HTTP://Proxy.Example.org:80", "http://proxy.example.org:80"],
      ["https://[::1]", "https://[::1]"],
      ["http://%70roxy:3128/", "http://proxy:3128"],
    ] as const)
      assert.equal(of({ proxy: { http: written } })?.http, meant);
  });

  it("is not asked for a mirror whose network is excepted, by programs that know no networks", () => {
    const noProxy = (base_url: string) =>
      of({ proxy: { ...proxy, no_proxy: ["10.0.0.0/8"] }, "artifacts.base_url": base_url })
        ?.noProxy;
    assert.match(noProxy("http://10.0.0.5:8080") ?? "", /,10\.0\.0\.5$/);
    assert.match(noProxy("http://192.168.1.5:8080") ?? "", /,10\.0\.0\.0\/8$/);
    assert.match(noProxy("http://mirror") ?? "", /,10\.0\.0\.0\/8$/);
  });

  it("is the same for a node whichever others there are", () => {
    const all = cluster({ proxy });
    const nodes = (all.nodes as unknown[]).slice(0, 2);
    assert.deepEqual(planOf({ ...all, nodes }).proxy, planOf(all).proxy);
  });

  it("reaches apt, curl and containerd by the names that each knows", () => {
    const plan = { http: "http://p:1", https: "http://p:2", noProxy: "a,b" };
    assert.equal(
      proxyWords(plan),
      "http_proxy=http://p:1 https_proxy=http://p:2 HTTPS_PROXY=http://p:2 no_proxy=a,b NO_PROXY=a,b",
    );
    assert.deepEqual(
      proxyFiles(plan).map(({ content }) => content),
      [
        '[Service]\nEnvironment="HTTP_PROXY=http://p:1"\nEnvironment="HTTPS_PROXY=http://p:2"\nEnvironment="NO_PROXY=a,b"\n',
      ],
    );
    assert.deepEqual([proxyWords(undefined), proxyFiles(undefined)], ["", []]);
  });

  for (const [value, line] of [
    [
      { http: "proxy:3128" },
      "http: proxy:3128 is not the URL of a proxy; give one that begins with http:// or https://, such as http://proxy.example.org:3128",
    ],
    [
      { https: "http://me:secret@proxy:3128" },
      "https: http://...@proxy:3128 holds credentials, which would show in the preview and on the nodes; have the proxy know the nodes by their addresses, or run one beside them that logs in",
    ],
    ...["http:\\\\proxy:3128", "http:proxy:3128", "http:///proxy:3128", 'http://a"b$c:3128'].map(
      (http) =>
        [
          { http },
          `http: ${/["\\]/.test(http) ? JSON.stringify(http) : http} is not the URL of a proxy; give one that begins with http:// or https://, such as http://proxy.example.org:3128`,
        ] as const,
    ),
    [
      { http: "http://proxy:3128/pac" },
      "http: http://proxy:3128/pac is more than a proxy's host and port; give it without path, such as http://proxy.example.org:3128",
    ],
    [
      { no_proxy: ["*.example.org"] },
      'no_proxy[0]: "*.example.org" is no name, domain, address or network; give one such as registry.example.org, .example.org, 10.0.0.5 or 10.0.0.0/8',
    ],
  ] as const) {
    it(`is refused: ${line.slice(0, 60)}`, () =>
      assert.deepEqual(problem({ proxy: value }), [`cluster.proxy.${line}`]));
  }
});

describe("a registry in the file", () => {
  const text = (fields: Readonly<Record<string, unknown>>) =>
    registryFiles(planOf(cluster(fields), files).registries)
      .map(
        ({ path, content }) =>
          `== ${path.replace("/etc/containerd/certs.d/", "")}\n${content as string}`,
      )
      .join("");

  it("is asked after its mirrors, which may have paths, authorities and logins of their own", () => {
    assert.equal(
      text({
        registries: {
          "registry.k8s.io": {
            mirrors: [
              { url: "https://harbor.site/v2/k8s", override_path: true },
              { url: "http://10.0.0.5:5000" },
            ],
          },
          "harbor.site": { ca_file: "ca.pem", username: "me", password_file: "password" },
          "10.0.0.5:5000": { skip_verify: true },
          _default: { mirrors: [{ url: "https://harbor.site" }] },
        },
      }),
      `== 10.0.0.5:5000/hosts.toml
server = "https://10.0.0.5:5000"
skip_verify = true
== _default/hosts.toml
[host."https://harbor.site"]
  capabilities = ["pull", "resolve"]
  ca = "/etc/containerd/certs.d/harbor.site/ca.crt"
== harbor.site/hosts.toml
server = "https://harbor.site"
ca = "/etc/containerd/certs.d/harbor.site/ca.crt"
== harbor.site/ca.crt
${authority}== registry.k8s.io/hosts.toml
server = "https://registry.k8s.io"

[host."https://harbor.site/v2/k8s"]
  capabilities = ["pull", "resolve"]
  ca = "/etc/containerd/certs.d/harbor.site/ca.crt"
  override_path = true

[host."http://10.0.0.5:5000"]
  capabilities = ["pull", "resolve"]
`,
    );
  });

  it("of Docker Hub answers at another name than images have", () => {
    const fields = {
      registry_mirrors: { "docker.io": ["https://one:5000", "https://two:5000"] },
    };
    assert.equal(
      text(fields),
      `== docker.io/hosts.toml
server = "https://registry-1.docker.io"

[host."https://one:5000"]
  capabilities = ["pull", "resolve"]

[host."https://two:5000"]
  capabilities = ["pull", "resolve"]
`,
    );
    const plan = planOf(
      withValue(sampleFile(), ["cluster", "registries", "docker.io"], {
        username: 'a"b',
        password_file: "password",
      }),
      files,
    );
    assert.equal(
      registryLogins(plan.registries),
      `  [plugins."io.containerd.grpc.v1.cri".registry.configs."registry-1.docker.io".auth]
    username = "a\\"b"
    password = "s3cret"
`,
    );
  });

  const one = (entry: object, host = "harbor.site") => ({ registries: { [host]: entry } });
  const at = 'cluster.registries["harbor.site"]';
  const refused: [
    string,
    Readonly<Record<string, unknown>>,
    string[],
    Readonly<Record<string, string>>?,
  ][] = [
    [
      "images over http by a mirror that nobody vouches for",
      { registry_mirrors: { "docker.io": ["http://10.0.0.5:5000"] } },
      [
        'cluster.registry_mirrors["docker.io"][0]: http://10.0.0.5:5000 is not encrypted, so that whoever is on the way could answer with an image of his own; give https://, or accept it with cluster.registries["10.0.0.5:5000"].skip_verify: true',
      ],
    ],
    [
      "the same in the long form",
      one({ mirrors: [{ url: "http://10.0.0.5:5000" }] }),
      [
        `${at}.mirrors[0].url: http://10.0.0.5:5000 is not encrypted, so that whoever is on the way could answer with an image of his own; give https://, or accept it with cluster.registries["10.0.0.5:5000"].skip_verify: true`,
      ],
    ],
    [
      "mirrors in both forms",
      {
        registry_mirrors: { "harbor.site": ["https://one"] },
        ...one({ mirrors: [{ url: "https://two" }] }),
      },
      [
        'cluster.registry_mirrors["harbor.site"]: is there in cluster.registries["harbor.site"].mirrors, too; leave it in one of the two',
      ],
    ],
    [
      "a user without password",
      one({ username: "me" }),
      [`${at}.password_file: is missing; give the file with the password of username`],
    ],
    [
      "a password without user",
      one({ password_file: "password" }),
      [`${at}.username: is missing; give the user whose password is in password_file`],
    ],
    [
      "a password in the file itself",
      one({ username: "me", password: "s3cret" }),
      [
        `${at}.password: password is not known here; remove it, or use one of mirrors, username, password_file, ca_file, skip_verify`,
        `${at}.password_file: is missing; give the file with the password of username`,
      ],
    ],
    [
      "a password file that is not there",
      one({ username: "me", password_file: "gone" }),
      [
        `${at}.password_file: gone is no file (that is F/gone); give the path of a file with the password, from the cluster file's folder`,
      ],
    ],
    [
      "a password file with more in it",
      one({ username: "me", password_file: "ca.pem" }),
      [
        `${at}.password_file: ca.pem holds more than one line (that is F/ca.pem); leave the password alone in it`,
      ],
    ],
    ...["a\u007fb", "a\tb", "a\u0085b"].map((text): (typeof refused)[number] => [
      `a password that holds ${JSON.stringify(text)}`,
      one({ username: "me", password_file: "control" }),
      [
        `${at}.password_file: control holds control characters (that is F/control); leave the password alone in it`,
      ],
      { ...files, control: text },
    ]),
    ...["a\u007fb", "a\nb"].map((username): (typeof refused)[number] => [
      `a user ${JSON.stringify(username)}`,
      one({ username, password_file: "password" }),
      [
        `${at}.username: ${JSON.stringify(username)} holds control characters; give the user's name alone`,
      ],
    ]),
    [
      "an authority that is none",
      one({ ca_file: "password" }),
      [
        `${at}.ca_file: password holds no certificate in PEM (that is F/password); give the authority's`,
      ],
    ],
    [
      "a login to all registries",
      one({ username: "me", password_file: "password" }, "_default"),
      [
        "cluster.registries._default.password_file: is of one host, and _default is none; write it at the host's own name",
        "cluster.registries._default.username: is of one host, and _default is none; write it at the host's own name",
      ],
    ],
  ];
  for (const [what, fields, lines, own = files] of refused) {
    it(`is refused with ${what}`, () => assert.deepEqual(problem(fields, own), lines));
  }
});

describe("DNS in the file", () => {
  it("names whom the cluster's own asks", () => {
    const { networking } = planOf(
      cluster({
        "networking.dns_servers": ["10.0.0.53", "10.0.1.53"],
        "networking.stub_domains": { "corp.example": ["10.1.0.53"], "b.example": ["10.2.0.53"] },
      }),
    );
    const text = corefile(networking);
    assert.match(text, /^ {4}forward \. 10\.0\.0\.53 10\.0\.1\.53 \{$/m);
    assert.ok(!text.includes("resolv.conf"));
    assert.match(
      text,
      /^\}\nb\.example:53 \{\n {4}errors\n {4}forward \. 10\.2\.0\.53 \{\n {7}max_concurrent 1000\n {4}\}\n {4}cache 30\n\}\ncorp\.example:53 \{/m,
    );
  });

  it("makes it no matter whom a machine asks", () => {
    const allowed = (fields: Readonly<Record<string, unknown>>) => {
      const plan = planOf(cluster(fields));
      const [node] = plan.nodes;
      assert.ok(node);
      return preflight({ cluster: plan, node }).variables.PREFLIGHT_ALLOW;
    };
    assert.equal(allowed({ "networking.dns_servers": ["10.0.0.53"] }), "resolver");
    assert.equal(allowed({}), "");
  });

  for (const [field, value, lines] of [
    [
      "dns_servers",
      ["127.0.0.1", "dns.site"],
      [
        "cluster.networking.dns_servers[0]: 127.0.0.1 is not an address that pods can reach; give the server's address on its network",
        "cluster.networking.dns_servers[1]: dns.site is not an IPv4 address; give four numbers from 0 to 255, such as 10.0.0.53",
      ],
    ],
    [
      "dns_servers",
      ["10.96.0.10"],
      [
        "cluster.networking.dns_servers[0]: 10.96.0.10 is the cluster's own DNS, the tenth address of 10.96.0.0/16; give another server",
      ],
    ],
    [
      "stub_domains",
      { local: ["10.0.0.53"] },
      [
        "cluster.networking.stub_domains.local: local and the cluster's own domain cluster.local hold one another; give a domain that shares no name with it",
      ],
    ],
    [
      "stub_domains",
      { "corp.example": [] },
      ['cluster.networking.stub_domains["corp.example"]: is empty; give at least one DNS server'],
    ],
  ] as const) {
    it(`is refused: ${lines[0].slice(0, 70)}`, () =>
      assert.deepEqual(problem({ [`networking.${field}`]: value }), lines));
  }
});

describe("what comes with the release", () => {
  const kubelet = `dl.k8s.io/release/v${version}/bin/linux/amd64/kubelet`;

  it("has checksums of all programs of the version that the examples name, and says who named them", () => {
    for (const architecture of ["amd64", "arm64"])
      for (const name of [
        "kube-apiserver",
        "kube-controller-manager",
        "kube-proxy",
        "kube-scheduler",
        "kubectl",
        "kubelet",
      ])
        assert.match(
          released.sha256[`dl.k8s.io/release/v${version}/bin/linux/${architecture}/${name}`] ?? "",
          /^[0-9a-f]{64}$/,
        );
    assert.ok(released.origin.length > 20);
  });

  it("counts where the file has no checksum, and not where it has one", () => {
    const first = (file: ReturnType<typeof sampleFile>) => planOf(file).nodes[1]?.artifacts[0];
    const path = ["cluster", "artifacts", "sha256", kubelet];
    assert.equal(first(sampleFile())?.sha256, "ab".repeat(32));
    const without = withValue(sampleFile(), path, undefined);
    assert.equal(first(without)?.sha256, released.sha256[kubelet]);
  });

  it("has images by digest, unless the file names others", () => {
    const { pause } = planOf(sampleFile()).images;
    assert.match(pause, /^registry\.k8s\.io\/pause:3\.10\.1@sha256:[0-9a-f]{64}$/);
    const own = "registry.site:5000/k8s/pause:3.10.1";
    assert.equal(planOf(cluster({ "images.pause": own })).images.pause, own);
    assert.deepEqual(problem({ "images.coredns": "coredns:1.15" }), [
      "cluster.images.coredns: coredns:1.15 does not begin with a registry's host name; give the image in full, such as registry.k8s.io/pause:3.10.1",
    ]);
    assert.deepEqual(problem({ "images.coredns": "registry.site/coredns" }), [
      "cluster.images.coredns: registry.site/coredns is not an image with tag or digest; give it in full, such as registry.k8s.io/pause:3.10.1",
    ]);
  });
});
