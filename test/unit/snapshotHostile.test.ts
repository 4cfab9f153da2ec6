import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createListener, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const programs = join(__dirname, "../../steps/snapshots");
/** What the program asks of its machine. */
const machine = {
  etcdctl: `case "$*" in
    endpoint*) echo "[{\\"Status\\":{\\"leader\\":1,\\"dbSize\\":\${DB_SIZE:-1000},\\"header\\":{\\"member_id\\":1}}}]" ;;
    *) printf held >"$3" ;;
  esac`,
  etcdutl: `echo '{"totalKey":3,"revision":7}'`,
  zstd: `case "$*" in *--rm*) mv "$4" "$6" ;; esac`,
  age: `echo "age: error: malformed recipient" >&2; exit 1`,
};

describe("a snapshot that S3 or the machine has no good words for", () => {
  let folder: string;
  let store: string;
  let server: Server | undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "groundwork-hostile-"));
    store = join(folder, "store");
    for (const made of [store, join(folder, "bin")]) mkdirSync(made);
    for (const [name, script] of Object.entries(machine)) {
      writeFileSync(join(folder, "bin", name), `#!/bin/bash\n${script}\n`);
      chmodSync(join(folder, "bin", name), 0o755);
    }
    credentials("aws_access_key_id = ID\naws_secret_access_key = geheim\n");
  });
  afterEach(() => {
    server?.close();
    server = undefined;
    rmSync(folder, { recursive: true });
  });
  const credentials = (text: string) => writeFileSync(join(folder, "credentials"), text);
  const own = () =>
    readdirSync(store)
      .filter((name) => name.startsWith("etcd-") || name.startsWith(".part"))
      .sort();

  async function listen(handler: RequestListener): Promise<number> {
    server = createServer(handler);
    await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port;
  }

  /** One run of the program, and what it noted. */
  async function take(
    port: number | undefined,
    {
      recipients = [],
      environment = {},
      before = "",
      meanwhile = () => {},
    }: {
      readonly recipients?: readonly string[];
      readonly environment?: Readonly<Record<string, string>>;
      /** Python that runs first. */
      readonly before?: string;
      readonly meanwhile?: (kill: () => void) => void;
    } = {},
  ) {
    const s3 = {
      endpoint: `http://127.0.0.1:${port}`,
      bucket: "b",
      addressing: "path",
      region: "eu",
      prefix: "c/",
      ca: null,
    };
    writeFileSync(
      join(folder, "config.json"),
      JSON.stringify({
        folder: store,
        node: "m",
        keep: { hourly: 1, daily: 0, weekly: 0 },
        recipients,
        environment,
        s3: port === undefined ? null : s3,
      }),
    );
    const program = `import sys, s3, snapshot, time
s3.PATIENCE = 0.5
time.sleep = lambda seconds: None
snapshot.CONFIG, snapshot.CREDENTIALS = "${folder}/config.json", "${folder}/credentials"
sys.argv = ["snapshot", "--now"]
${before}
sys.exit(snapshot.main())`;
    const child = spawn("python3", ["-B", "-c", program], {
      env: { PATH: `${folder}/bin:${process.env.PATH}`, PYTHONPATH: programs, ...environment },
    });
    let output = "";
    child.stdout.on("data", (chunk) => (output += String(chunk)));
    child.stderr.on("data", (chunk) => (output += String(chunk)));
    meanwhile(() => child.kill("SIGTERM"));
    const status = await new Promise((resolve) => child.on("close", resolve));
    assert.doesNotMatch(output, /Traceback/);
    assert.ok(!output.includes("geheim"));
    const state = JSON.parse(readFileSync(join(store, "state.json"), "utf8")) as {
      good: { name: string } | null;
      failure: string | null;
    };
    assert.equal(status, state.failure === null ? 0 : 1, output);
    return state;
  }

  /** Takes what is put, and answers other requests by `list`. */
  const listing = (list: RequestListener) =>
    listen((request, response) => {
      if (request.method === "PUT") request.on("end", () => response.end()).resume();
      else list(request, response);
    });

  const answers: readonly (readonly [string, string, RegExp])[] = [
    ["no XML", "<html>\u001b[2J", /sent no list of a bucket: <html> \[2J$/],
    ["nothing", "", /sent no list of a bucket/],
    [
      "a list that never ends",
      "<L><IsTruncated>true</IsTruncated><NextContinuationToken>1</NextContinuationToken></L>",
      /sends its list of the bucket without an end/,
    ],
    ["a page without the next", "<L><IsTruncated>true</IsTruncated></L>", /sent no list/],
  ];
  for (const [what, answer, failure] of answers)
    it(`is good, and old ones stay, where the list is ${what}`, async () => {
      const state = await take(await listing((_, response) => void response.end(answer)));
      assert.match(state.failure ?? "", /is good, but old ones cannot be removed/);
      assert.match(state.failure ?? "", failure);
      assert.deepEqual(own(), [state.good?.name]);
    });

  it("is not good where who took it does not list it", async () => {
    const state = await take(await listing((_, response) => void response.end("<List/>")));
    assert.match(state.failure ?? "", /does not list it: is it a server of S3\?/);
    assert.equal(state.good, null);
    assert.equal(own().length, 1);
  });

  it("is not sent on to where a server points, which is told", async () => {
    let asked = 0;
    const port = await listen((request, response) => {
      asked += 1;
      request.resume();
      response.writeHead(307, { location: "http://127.0.0.1:1/b/" }).end();
    });
    const { failure } = await take(port);
    assert.match(failure ?? "", /PUT http:\S+: 307 go to http:\/\/127\.0\.0\.1:1\/b\/$/);
    assert.equal(asked, 1);
  });

  it("is told why it is refused, though the server hangs up before it has all", async () => {
    const refuser = createListener((socket) => {
      socket.once("data", () => {
        const text = "<Error><Code>AccessDenied</Code></Error>";
        socket.end(`HTTP/1.1 403 Forbidden\r\nContent-Length: ${text.length}\r\n\r\n${text}`, () =>
          setTimeout(() => socket.destroy(), 50),
        );
        socket.pause();
      });
      socket.on("error", () => {});
    });
    await new Promise<void>((resolve) => refuser.listen(0, "127.0.0.1", resolve));
    writeFileSync(
      join(folder, "bin/etcdctl"),
      '#!/bin/bash\ncase "$*" in endpoint*) echo \'[{"Status":{"dbSize":9}}]\' ;; *) head -c 20000000 /dev/zero >"$3" ;; esac\n',
    );
    const { failure } = await take((refuser.address() as AddressInfo).port);
    refuser.close();
    assert.match(failure ?? "", /: 403 AccessDenied$/);
  });

  it("is told of a server that says nothing, and of one that is not there", async () => {
    const silent = await take(await listen(() => {}));
    assert.match(silent.failure ?? "", /PUT http:\S+: no answer timed out$/);
    server?.closeAllConnections();
    const old = "etcd-20200101T000000Z-r1-m.db.zst";
    writeFileSync(join(store, old), "");
    const gone = await take(1);
    assert.match(gone.failure ?? "", /no answer .*Connection refused$/);
    // What S3 does not get does not fill the disk meanwhile.
    assert.ok(!own().includes(old));
  });

  it("is asked for by its whole address of a proxy for http", async () => {
    const asked: string[] = [];
    const port = await listen((request, response) => {
      asked.push(request.url ?? "");
      request.on("end", () => response.end("<List/>")).resume();
    });
    const before = `import urllib.request\nurllib.request.proxy_bypass = lambda host: False`;
    await take(9, { environment: { http_proxy: `http://127.0.0.1:${port}` }, before });
    assert.match(asked[0] ?? "", /^http:\/\/127\.0\.0\.1:9\/b\/c\/etcd-/);
  });

  it("is told of credentials that are none, without a word of them", async () => {
    credentials("[default]\naws_access_key_id = ID\naws_secret_access_key : geheim\n geheim\n=\n");
    const { failure } = await take(1);
    assert.match(failure ?? "", /credentials is no file of credentials .*\(\w+Error\)$/);
  });

  it("leaves nothing in the clear where it cannot be encrypted", async () => {
    const { failure } = await take(undefined, { recipients: ["age1"] });
    assert.match(failure ?? "", /^age --encrypt ended with 1: age: error: malformed recipient$/);
    assert.deepEqual(own(), []);
  });

  it("is not taken where the disk has no room for it", async () => {
    const { failure } = await take(undefined, { environment: { DB_SIZE: "900000000000000" } });
    assert.match(failure ?? "", /^the disk of \S+ has \d+ MiB free, and a snapshot needs \d+$/);
    assert.deepEqual(own(), []);
  });

  it("is told to have been ended where systemd ends it", async () => {
    const { failure } = await take(await listen((request) => void request.resume()), {
      before: "s3.PATIENCE = 60",
      meanwhile: (kill) =>
        void server?.once("request", () => {
          kill();
        }),
    });
    assert.match(failure ?? "", /^it was ended before it was done/);
    server?.closeAllConnections();
  });

  it("is taken though what was noted of the last ones is torn", async () => {
    writeFileSync(join(store, "state.json"), '{"good": {"na');
    const { good, failure } = await take(undefined);
    assert.equal(failure, null);
    assert.deepEqual(own(), [good?.name]);
  });
});
