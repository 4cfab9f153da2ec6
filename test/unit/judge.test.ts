import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import * as forged from "./forgedRequest";
import { type Asked, client, judge, own, signingRequest } from "./signingRequest";

const { address, alternativeNames, dns, extensionRequest, info, ownNames, pem, signed } = forged;
const { evil, good, riddled, twoLists } = forged;
const { commonName, organization, sequence, set, strings, subject } = forged;

/** A request for what worker-01 serves, with other attributes. */
const withAttributes = (...attributes: readonly Buffer[]): Asked => ({
  pem: pem(signed(info(subject(), attributes))),
});
const withExtensions = (...extensions: readonly Buffer[]) =>
  withAttributes(extensionRequest(...extensions));
const withNames = (...names: readonly Buffer[]) => withExtensions(alternativeNames(...names));
const withSubject = (...rdns: readonly Buffer[]): Asked => ({
  pem: pem(signed(info(sequence(...rdns)))),
});

const utf8 = strings.utf8;
const nodes = set(organization("system:nodes", utf8));
const node = set(commonName("system:node:worker-01", utf8));
const generalName = (tag: number, text: string) => forged.der(tag, Buffer.from(text));
const otherName = forged.der(
  0xa0,
  Buffer.from("060a2b060104018237140203", "hex"),
  forged.der(0xa0, forged.der(utf8, Buffer.from("root@example.org"))),
);
const tampered = signed(info());
tampered[tampered.length - 1] = (tampered.at(-1) ?? 0) ^ 1;

const noPem = /not one PEM block/;
const otherSubject = /its subject is not that of worker-01/;
const otherNames = /names that are not the node's/;
const otherForm = /has more than a kubelet asks for, or has it in another form|cannot be read/;
const otherKey = /its key is not one of ECDSA P-256/;
const otherUse = /^it is for /;
const notEach = /does not ask for worker-01 and its address, each once/;

/** What a kubelet never asks for, and what is said of it. */
const wrong: Readonly<Record<string, readonly [Asked, RegExp]>> = {
  "a block that one reader skips before another": [{ pem: riddled(good, "\0") + evil }, noPem],
  "two blocks": [{ pem: good + evil }, noPem],
  "two blocks, the good one last": [{ pem: evil + good }, noPem],
  "NULs in a block": [{ pem: riddled(good, "\0") }, noPem],
  "blanks in a block": [{ pem: riddled(good, " ") }, noPem],
  "lines that end as in DOS": [{ pem: pem(signed(info()), undefined, "\r\n") }, noPem],
  "text before": [{ pem: `Hello\n${good}` }, noPem],
  "text after": [{ pem: `${good}Hello\n` }, noPem],
  "a byte after the block": [{ pem: `${good}\0` }, noPem],
  "no end of the last line": [{ pem: good.trimEnd() }, noPem],
  "headers in the block": [{ pem: good.replace("\n", "\nProc-Type: 4,ENCRYPTED\n\n") }, noPem],
  "another label": [{ pem: pem(signed(info()), "NEW CERTIFICATE REQUEST") }, noPem],
  "longer lines": [{ pem: good.replaceAll(/([^-])\n(?!-)/g, "$1") }, noPem],
  nothing: [{ pem: "" }, noPem],
  "no request": [{ pem: pem(Buffer.from("hello")) }, /cannot be read/],
  "bytes behind the request": [
    { pem: pem(Buffer.concat([signed(info()), Buffer.from([5, 0])])) },
    otherForm,
  ],
  "very much": [{ pem: pem(Buffer.alloc(100_000)) }, /longer than 4096 bytes/],

  "names in a second list of extensions": [{ pem: twoLists }, /./],
  "two lists of names": [
    withAttributes(
      extensionRequest(alternativeNames(...ownNames)),
      extensionRequest(alternativeNames(dns("kubernetes.default.svc"))),
    ),
    otherForm,
  ],
  "a second list of extensions by its other name": [
    withAttributes(
      extensionRequest(alternativeNames(...ownNames)),
      forged.microsoftRequest(alternativeNames(dns("kubernetes.default.svc"))),
    ),
    otherForm,
  ],
  "two values of one list": [
    withAttributes(
      sequence(
        Buffer.from("06092a864886f70d01090e", "hex"),
        set(sequence(alternativeNames(...ownNames)), sequence(alternativeNames(dns("a")))),
      ),
    ),
    /./,
  ],
  "two extensions of names": [
    withExtensions(alternativeNames(...ownNames), alternativeNames(dns("kubernetes.default.svc"))),
    otherForm,
  ],
  "to be an authority": [
    withExtensions(alternativeNames(...ownNames), forged.authority),
    otherForm,
  ],
  "critical names": [withExtensions(forged.criticalNames(...ownNames)), otherForm],
  "a password": [
    withAttributes(extensionRequest(alternativeNames(...ownNames)), forged.challengePassword),
    otherForm,
  ],
  "no names": [withAttributes(), notEach],
  "an empty list of names": [withNames(), /./],

  "another node's name": [{ names: "DNS:worker-01,DNS:worker-02,IP:10.0.0.21" }, otherNames],
  "another address": [{ names: "DNS:worker-01,IP:10.0.0.11" }, /IPAddress:10\.0\.0\.11/],
  "a name that begins like its own": [
    { names: "DNS:worker-01.a.org" },
    /DNSName:worker-01\.a\.org/,
  ],
  "a wildcard": [{ names: "DNS:*,IP:10.0.0.21" }, /DNSName:\*/],
  "its name with capitals": [{ names: "DNS:Worker-01,IP:10.0.0.21" }, otherNames],
  "its address as a name": [{ names: "DNS:worker-01,DNS:10.0.0.21" }, otherNames],
  "a URI": [{ names: `${own.names},URI:spiffe://a/b` }, /UniformResourceIdentifier:spiffe/],
  "a mail address": [{ names: `${own.names},email:a@b.c` }, /RFC822Name:a@b\.c/],
  "a registered id": [{ names: `${own.names},RID:1.2.3` }, otherNames],
  "a directory's name": [
    withNames(...ownNames, forged.der(0xa4, sequence(node))),
    /DirectoryName:.*worker-01/,
  ],
  "another kind of name": [withNames(...ownNames, otherName), /OtherName/],
  "a name of a kind that there is not": [withNames(...ownNames, generalName(0x89, "a")), /./],
  "a name with a NUL": [withNames(dns("worker-01\0.a.org"), address("10.0.0.21")), /./],
  "an address with its mask": [
    withNames(dns("worker-01"), forged.der(0x87, Buffer.from([10, 0, 0, 21, 255, 255, 255, 255]))),
    /./,
  ],
  "its name twice": [withNames(dns("worker-01"), ...ownNames), notEach],
  "its name alone": [{ names: "DNS:worker-01" }, notEach],
  "its address alone": [{ names: "IP:10.0.0.21" }, notEach],
  "its names the other way round": [withNames(...[...ownNames].reverse()), otherForm],

  "another node's subject": [{ subject: "/O=system:nodes/CN=system:node:worker-02" }, otherSubject],
  "another node's name as that node's subject": [
    { username: "system:node:worker-02" },
    /its subject is not that of worker-02/,
  ],
  "an administrator's group": [
    { subject: "/O=system:masters/CN=system:node:worker-01" },
    otherSubject,
  ],
  "two groups": [
    { subject: "/O=system:nodes/O=system:masters/CN=system:node:worker-01" },
    otherSubject,
  ],
  "two groups in one": [
    withSubject(
      set(organization("system:masters", utf8), organization("system:nodes", utf8)),
      node,
    ),
    otherSubject,
  ],
  "group and name in one": [
    withSubject(set(commonName("system:node:worker-01", utf8), organization("system:nodes", utf8))),
    otherSubject,
  ],
  "two names": [withSubject(nodes, set(commonName("kubernetes-admin", utf8)), node), otherSubject],
  "a unit": [withSubject(nodes, set(forged.unit("a", utf8)), node), otherSubject],
  "an empty part of a subject": [withSubject(nodes, set(), node), /./],
  "name before group": [withSubject(node, nodes), otherSubject],
  "no subject": [withSubject(), otherSubject],
  "no group": [withSubject(node), otherSubject],
  "a subject with a NUL": [
    withSubject(nodes, set(commonName("system:node:worker-01\0", utf8))),
    /./,
  ],
  "a subject with what looks like the next line": [
    { subject: "/O=system:nodes/CN=system:node:worker-01\nAdmin\tYes" },
    otherSubject,
  ],
  ...Object.fromEntries(
    [strings.teletex, strings.ia5, strings.universal].map((tag) => [
      `a subject of strings with tag ${tag}`,
      [{ pem: pem(signed(info(subject(tag)))) }, /./] as const,
    ]),
  ),

  ...Object.fromEntries(
    Object.entries(forged.withKey).map(([kind, request]) => [
      `a key of ${kind}`,
      [{ pem: pem(request()) }, otherKey] as const,
    ]),
  ),
  "a signature that is not of its key": [{ pem: pem(tampered) }, /signature is wrong/],

  "to be a client, too": [
    { usages: ["digital signature", "server auth", "client auth"] },
    otherUse,
  ],
  "to be a client": [{ usages: ["digital signature", "client auth"] }, otherUse],
  "to sign": [{ usages: ["digital signature", "server auth", "cert sign"] }, otherUse],
  "no use": [{ usages: [] }, otherUse],
  "what it serves with, by its token": [{ username: "system:bootstrap:abcdef" }, /another than/],
  "in a node's name and in no node's group": [{ groups: ["system:masters"] }, /another than/],
  "a first certificate with names": [{ signerName: client }, /no alternative names/],
  "a first certificate of another node": [
    { signerName: client, names: "", subject: "/O=system:nodes/CN=system:node:master-01" },
    otherSubject,
  ],
  "a first certificate with two lists of extensions": [
    { signerName: client, ...withAttributes(extensionRequest(), extensionRequest()) },
    otherForm,
  ],
  "a first certificate with names in a second list of extensions": [
    { signerName: client, pem: twoLists },
    /./,
  ],
  "the renewal of another node's certificate": [
    {
      signerName: client,
      username: "system:node:worker-01",
      names: "",
      subject: "/O=system:nodes/CN=system:node:worker-02",
    },
    otherSubject,
  ],
  "a renewal with names": [
    { signerName: client, username: "system:node:worker-01" },
    /no alternative names/,
  ],
  "a renewal to serve with": [
    {
      signerName: client,
      username: "system:node:worker-01",
      names: "",
      usages: ["digital signature", "server auth"],
    },
    otherUse,
  ],
  "a renewal, in a node's name and in no node's group": [
    {
      signerName: client,
      username: "system:node:worker-01",
      names: "",
      groups: ["system:bootstrappers"],
    },
    /another than/,
  ],
  "a first certificate, with a token and in no group of tokens": [
    { signerName: client, names: "", groups: ["system:nodes"] },
    /another than/,
  ],
  "a first certificate to serve with": [
    { signerName: client, names: "", usages: ["digital signature", "server auth"] },
    otherUse,
  ],
};

describe("the judge of certificate requests", () => {
  const asked = Object.entries(wrong);
  const verdicts = new Map<string, ReturnType<typeof judge>[number]>();
  before(() => {
    const requests = asked.map(([what, [request]], i) => [
      what,
      signingRequest(`csr-${i}`, request),
    ]);
    const all = judge(requests.map(([, request]) => request));
    assert.equal(all.length, asked.length);
    requests.forEach(([what], i) => {
      const verdict = all[i];
      if (verdict) verdicts.set(what as string, verdict);
    });
  });

  for (const [what, [, why]] of asked)
    it(`denies ${what}`, () => {
      const { verdict, reason } = verdicts.get(what) ?? {};
      assert.equal(verdict, "Denied", reason);
      assert.match(reason ?? "", why);
    });

  const kubelets = readFileSync(join(__dirname, "fixtures/kubelet.csr"), "utf8");
  const alsoGood: Readonly<Record<string, Asked>> = {
    "openssl makes": {},
    "has printable strings": { pem: pem(signed(info(subject(strings.printable)))) },
    "may encipher keys": { usages: ["digital signature", "key encipherment", "server auth"] },
    "asks for a first certificate": { signerName: client, names: "" },
    "asks for a first certificate, as a kubelet does": {
      signerName: client,
      pem: pem(signed(info(subject(strings.printable), []))),
      usages: ["key encipherment", "digital signature", "client auth"],
    },
    "renews a client certificate": {
      signerName: client,
      username: "system:node:worker-01",
      pem: pem(signed(info(subject(strings.printable), []))),
    },
  };
  for (const [what, request] of Object.entries(alsoGood))
    it(`approves a request that ${what}`, () => {
      assert.deepEqual(judge([signingRequest("csr-1", request)]), [
        { verdict: "Approved", reason: "matches what is declared", node: "worker-01" },
      ]);
    });

  it("approves what a kubelet of Kubernetes 1.36 wrote", () => {
    const asked = signingRequest("csr-1", { pem: kubelets, username: "system:node:worker-01" });
    const declared = { "worker-01": { ip: "10.77.0.21" } };
    assert.equal(judge([asked], declared)[0]?.verdict, "Approved");
  });

  it("leaves to others what no declared node asked, and what is for another signer", () => {
    const strangers: readonly Asked[] = [
      { username: "system:node:worker-03" },
      { username: "kubernetes-admin" },
      { username: "system:bootstrap:fedcba", signerName: client },
      { username: "system:node:worker-03", signerName: client, names: "" },
      { signerName: "kubernetes.io/kube-apiserver-client" },
      { signerName: "example.org/own" },
    ];
    const verdicts = judge(strangers.map((one, i) => signingRequest(`csr-${i}`, one)));
    for (const [i, { verdict }] of verdicts.entries())
      assert.equal(verdict, "Unknown", JSON.stringify(strangers[i]));
  });

  it("says who asked on one line without control characters, whoever wrote it", () => {
    const username = "system:node:a\nApproved\tcsr-2\u001b[31mä";
    const [{ node, reason } = {}] = judge([signingRequest("csr-1", { username })]);
    assert.equal(node, String.raw`system:node:a\nApproved\tcsr-2\x1b[31m\xe4`);
    assert.equal(reason, "is not declared in ConfigMap kube-system/groundwork-nodes");
  });

  it("leaves alone what no kubelet calls a request", () => {
    const forged = `a\nApproved\tcsr-2\tworker-01\tok\t{}\nb`;
    for (const name of [forged, "x[1-2000]", "A", "a b", "..", "-a", "a/b", "ä"]) {
      const verdicts = judge([signingRequest(name), signingRequest("csr-1")]);
      assert.deepEqual(
        verdicts.map(({ verdict }) => verdict),
        ["Unknown", "Approved"],
        name,
      );
      assert.equal(verdicts[0]?.reason, "calls it what no kubelet does");
    }
  });

  const body = info();
  /** A part of the bytes is replaced by others. */
  const change = fc.record({
    at: fc.nat(body.length),
    gone: fc.nat({ max: 3 }),
    instead: fc.oneof(
      fc.uint8Array({ maxLength: 4 }),
      fc
        .tuple(fc.nat(body.length), fc.nat(body.length))
        .map(([from, to]) => body.subarray(from, to)),
    ),
  });
  const changed = (
    bytes: Buffer,
    { at, gone, instead }: { at: number; gone: number; instead: Uint8Array },
  ) => Buffer.concat([bytes.subarray(0, at), instead, bytes.subarray(at + gone)]);

  it("approves no bytes but those it would write itself, however well they are signed", () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 200, maxLength: 200 }), (changes) => {
        const bodies = changes.map((one) => changed(body, one));
        const requests = bodies.map((body) => signingRequest("csr-1", { pem: pem(signed(body)) }));
        judge(requests).forEach(({ verdict, reason }, i) => {
          assert.equal(verdict, bodies[i]?.equals(body) ? "Approved" : "Denied", reason);
          assert.ok(reason.length > 10);
        });
      }),
      { numRuns: 5 },
    );
  });

  it("approves no text around the same bytes", () => {
    const text = Buffer.from(good);
    fc.assert(
      fc.property(fc.array(change, { minLength: 200, maxLength: 200 }), (changes) => {
        const texts = changes.map((one) => changed(text, one));
        const requests = texts.map((text) => ({
          ...signingRequest("csr-1", { pem: "" }),
          spec: { ...signingRequest("csr-1", { pem: "" }).spec, request: text.toString("base64") },
        }));
        judge(requests).forEach(({ verdict, reason }, i) => {
          assert.equal(verdict, texts[i]?.equals(text) ? "Approved" : "Denied", reason);
        });
      }),
      { numRuns: 3 },
    );
  });

  it("gives a reason for objects of every shape", () => {
    const shapes = fc.array(
      fc.dictionary(fc.constantFrom("request", "usages", "groups"), fc.jsonValue()),
      {
        minLength: 50,
      },
    );
    fc.assert(
      fc.property(shapes, (specs) => {
        const whole = signingRequest("csr-1");
        const requests = specs.map((spec) => ({ ...whole, spec: { ...whole.spec, ...spec } }));
        for (const [i, { verdict }] of judge(requests).entries())
          assert.equal(verdict, Object.keys(specs[i] ?? {}).length ? "Denied" : "Approved");
      }),
      { numRuns: 5 },
    );
  });

  describe("of a node that is not managed", () => {
    const declared = {
      "edge-01": {
        ip: "10.0.0.31",
        managed: false,
        certSans: ["edge.example.org", "192.0.2.31"],
        token: "fedcba",
        usedFor: null as string | null,
      },
      "worker-01": { ip: "10.0.0.21" },
    };
    const who = sequence(nodes, set(commonName("system:node:edge-01", utf8)));
    const names = {
      "edge-01": dns("edge-01"),
      "10.0.0.31": address("10.0.0.31"),
      "edge.example.org": dns("edge.example.org"),
      "192.0.2.31": address("192.0.2.31"),
    };
    const serving = (...names: readonly Buffer[]) =>
      info(who, [extensionRequest(alternativeNames(...names))]);
    const asks = (body: Buffer, more: Asked = {}, end = "\n") =>
      signingRequest("edge-01-tls", {
        username: "system:node:edge-01",
        pem: pem(signed(body), undefined, end),
        usages: ["digital signature", "key encipherment", "server auth"],
        ...more,
      });
    const first = (more: Asked = {}, end = "\n") =>
      asks(
        info(who, []),
        {
          signerName: client,
          username: "system:bootstrap:fedcba",
          usages: ["digital signature", "key encipherment", "client auth"],
          ...more,
        },
        end,
      );
    const said = (...requests: readonly unknown[]) => judge(requests, declared);
    const all = Object.values(names);
    /** Each list of some of them, each once. */
    const lists = (rest: readonly Buffer[]): Buffer[][] =>
      rest.flatMap((one) => [
        [one],
        ...lists(rest.filter((other) => other !== one)).map((more) => [one, ...more]),
      ]);

    it("approves whichever of the declared names it asks for, in any order", () => {
      const requests = lists(all).map((names) => asks(serving(...names)));
      assert.equal(requests.length, 64);
      for (const verdict of said(...requests))
        assert.deepEqual(verdict, {
          verdict: "Approved",
          node: "edge-01",
          reason: "matches what is declared",
        });
    });

    it("approves what Krustlet writes: lines that end as in DOS", () => {
      const verdicts = said(
        first({}, "\r\n"),
        asks(serving(dns("edge-01"), address("10.0.0.31")), {}, "\r\n"),
      );
      assert.deepEqual(
        verdicts.map(({ verdict }) => verdict),
        ["Approved", "Approved"],
      );
    });

    it("approves what a kubelet asks that does not renew: it calls it by a digest in base64", () => {
      const name = `node-csr-${"aZ_-9".repeat(8)}abc`;
      const [verdict] = said({ ...first(), metadata: { name, uid: "a" } });
      assert.equal(verdict?.verdict, "Approved");
      const [other] = said({ ...first(), metadata: { name: `${name}/`, uid: "a" } });
      assert.equal(other?.verdict, "Unknown");
    });

    for (const [what, request, why] of [
      ["no name", asks(info(who, [])), /asks for no name, or for one twice/],
      ["one name twice", asks(serving(dns("edge-01"), dns("edge-01"))), /or for one twice/],
      [
        "a name that is not declared beside those that are",
        asks(serving(...all, dns("kubernetes.default.svc"))),
        /names that are not the node's: DNSName:kubernetes\.default\.svc/,
      ],
      ["another node's address", asks(serving(address("10.0.0.21"))), /IPAddress:10\.0\.0\.21/],
      ["an address as a name", asks(serving(dns("10.0.0.31"))), /DNSName:10\.0\.0\.31/],
      [
        "names in a second list",
        asks(
          info(who, [
            extensionRequest(alternativeNames(dns("edge-01"))),
            extensionRequest(alternativeNames(address("10.0.0.31"))),
          ]),
        ),
        otherForm,
      ],
      [
        "to be an authority",
        asks(info(who, [extensionRequest(alternativeNames(...all), forged.authority)])),
        otherForm,
      ],
      [
        "what it serves with, as another node",
        asks(serving(dns("edge-01")), { username: "system:node:worker-01" }),
        /subject is not that of worker-01/,
      ],
      [
        "another node's name by its ticket",
        first({ pem: pem(signed(info(subject(), []))) }),
        /subject is not that of edge-01/,
      ],
      [
        "what it serves with by its ticket",
        asks(serving(dns("edge-01")), { username: "system:bootstrap:fedcba" }),
        /another than the node itself/,
      ],
      ["text around it", first({ pem: `${pem(signed(info(who, [])))}\r\n` }), noPem],
      [
        "lines of which one ends otherwise",
        first({ pem: pem(signed(info(who, [])), undefined, "\r\n").replace("\r\n", "\n") }),
        noPem,
      ],
    ] as const)
      it(`denies ${what}`, () => {
        const [{ verdict, reason } = {}] = said(request);
        assert.equal(verdict, "Denied", reason);
        assert.match(reason ?? "", why);
      });

    it("denies a ticket that was used for another request", () => {
      const [own, other] = ["uid-of-edge-01-tls", "uid-of-another"].map((usedFor) => {
        const used = { ...declared, "edge-01": { ...declared["edge-01"], usedFor } };
        return judge([first()], used)[0];
      });
      assert.equal(own?.verdict, "Approved", own?.reason);
      assert.equal(other?.verdict, "Denied");
      assert.equal(other?.reason, "its ticket has been used, for another request");
    });

    it("approves no bytes but those it would write itself, however well they are signed", () => {
      const good = new Set(lists(all).map((names) => serving(...names).toString("hex")));
      fc.assert(
        fc.property(
          fc.constantFrom(...lists(all)),
          fc.array(change, { minLength: 200, maxLength: 200 }),
          (names, changes) => {
            const bodies = changes.map((one) => changed(serving(...names), one));
            said(...bodies.map((body) => asks(body))).forEach(({ verdict, reason }, i) => {
              const fits = good.has(bodies[i]?.toString("hex") ?? "");
              assert.equal(verdict, fits ? "Approved" : "Denied", reason);
            });
          },
        ),
        { numRuns: 5 },
      );
    });
  });
});
