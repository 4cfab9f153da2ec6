import { assertAllowed, assertRefused, type Sample, unknownValue } from "./harness";

const command = (props: Record<string, unknown>): Sample => ({
  type: "command:remote:Command",
  name: "w1-kubelet",
  props: { create: "timeout --kill-after=10 600 bash -s -- create", ...props },
});
const pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIIGlRFzR\n-----END EC PRIVATE KEY-----\n";

describe("policy no-secrets-in-commands", () => {
  const policy = "no-secrets-in-commands";

  it("allows plain commands, and secrets on standard input", () =>
    assertAllowed(policy, [
      command({ stdin: `cat <<END\n${pem}END\n` }),
      command({ stdin: unknownValue }),
    ]));

  it("allows what only resembles a token", () =>
    assertAllowed(policy, [
      command({ create: "apt-get install python3.11 && wget v1.36.3/kubelet.sha256" }),
    ]));

  it("refuses private keys, plain or in base64, wherever they show", async () => {
    const base64 = Buffer.from(pem).toString("base64");
    const public64 = Buffer.from("-----BEGIN CERTIFICATE-----").toString("base64");
    const text = [
      { create: `echo '${pem}' > key` },
      { delete: `echo ${base64} | base64 -d` },
      { environment: { KEY: pem } },
      { triggers: [pem] },
    ];
    for (const props of text) {
      const [property = ""] = Object.keys(props);
      await assertRefused(
        policy,
        [command(props)],
        [
          new RegExp(
            `^w1-kubelet: its ${property} holds a private key; pass it on standard input$`,
          ),
        ],
      );
    }
    await assertAllowed(policy, [command({ create: `echo ${public64}` })]);
  });

  it("refuses tokens of every kind without showing them", async () => {
    await assertRefused(
      policy,
      [command({ update: "kubeadm join --token abcdef.0123456789abcdef" })],
      [/^w1-kubelet: its update holds a bootstrap token;(?!.*abcdef)/],
    );
    await assertRefused(
      policy,
      [command({ create: "curl -H 'Authorization: Bearer k8s-aws-v1.abc'" })],
      ["a bearer token"],
    );
    await assertRefused(
      policy,
      [command({ create: "echo 'client-key-data: c2hvcnQ=' >> kubeconfig" })],
      ["a kubeconfig's key"],
    );
  });

  it("refuses what another resource makes, at preview already", () =>
    assertRefused(
      policy,
      [command({ create: unknownValue })],
      [/^w1-kubelet: its create holds what another resource makes;/],
    ));
});

describe("policy no-stack-secrets-in-commands", () => {
  const policy = "no-stack-secrets-in-commands";
  const token: Sample = {
    type: "random:index/randomPassword:RandomPassword",
    name: "w1-token",
    props: { result: "q3v8m2k9x7c1z5b4" },
  };
  const key: Sample = {
    type: "tls:index/privateKey:PrivateKey",
    name: "pki-ca-key",
    props: { privateKeyPem: pem },
  };

  it("allows them on standard input, and before they are known", async () => {
    await assertAllowed(policy, [token, key, command({ stdin: `TOKEN=q3v8m2k9x7c1z5b4\n${pem}` })]);
    await assertAllowed(policy, [{ ...token, props: { result: unknownValue } }, command({})]);
  });

  it("refuses a value the stack keeps secret, whatever it looks like", async () => {
    const bytes = (output: string): Sample => ({
      type: "random:index/randomBytes:RandomBytes",
      name: "w1-token",
      props: { [output]: "q3v8m2k9x7c1z5b4" },
    });
    for (const made of [token, bytes("base64"), bytes("hex")])
      await assertRefused(
        policy,
        [made, command({ create: "TOKEN=q3v8m2k9x7c1z5b4 bash -s" })],
        [/^w1-kubelet: its create holds what w1-token keeps secret; pass it on standard input$/],
      );
  });

  it("refuses a key with its line breaks", () =>
    assertRefused(
      policy,
      [key, command({ environment: { KEY: pem } })],
      ["what pki-ca-key keeps secret"],
    ));
});
