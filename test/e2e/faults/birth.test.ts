import assert from "node:assert/strict";
import { assertIsTheFile, assertUsable, etcdctl, members } from "../expected";
import { converge, destroyCommand, must, on, run, setNode } from "../lab";
import { Operator } from "../operator";

/** Places that were kept at etcd's birth, and that nobody has taken. */
const places = () =>
  on("master-01", `${etcdctl} get --prefix groundwork/awaited/ --print-value-only`);

/** One first `up`; `disturb` is called when the step that ends in `step` begins or ends. */
async function birth(
  step: string,
  state: "begins" | "ends",
  disturb: (operator: Operator) => void,
) {
  must("pulumi stack select dev --create");
  const operator = new Operator();
  const seen = await operator.until(
    (progress) => progress.state === state && progress.step.endsWith(step),
  );
  assert.ok(seen, `${step} never ${state}`);
  disturb(operator);
  return operator.result;
}

/** On the bare machines of `clusters/kubernetes.yaml`: three masters and two workers. */
describe("etcd's birth with a master that dies", function () {
  this.timeout(600_000);
  afterEach(() => {
    run("pulumi cancel --yes");
    must("lab/node start master-03");
    must(destroyCommand, { seconds: 280 });
  });

  it("costs the others nothing, and the machine has its place when it is back", async () => {
    const { status, output } = await birth(" etcd-genesis", "ends", () =>
      must("lab/node kill master-03"),
    );
    assert.notEqual(status, 0, "an 'up' without master-03 passed");
    assert.match(output, /master-03/);
    const found = members("master-01").map((member) => member.trim());
    assert.deepEqual(found, ["(learner)", "master-01", "master-02"]);
    assert.equal(places().stdout.trim(), "https://10.77.0.13:2380");
    assert.equal(on("master-02", `${etcdctl} put birth works`).stdout.trim(), "OK");

    must("lab/node start master-03");
    converge();
    await assertIsTheFile();
    assert.equal(places().stdout, "");
  });

  it("goes on without the machine when it is lost, and takes it as a new one", async () => {
    await birth(" etcd-genesis", "ends", () => must("lab/node kill master-03"));
    const found = setNode("master-03", "lost", true);
    converge();
    assert.deepEqual(members("master-01"), ["master-01", "master-02"]);
    assert.equal(places().stdout, "");
    await assertUsable();

    must("lab/node start master-03");
    found();
    converge();
    await assertIsTheFile();
  });

  it("gives a machine whose power is cut as it comes another member than the one that it was", async () => {
    const { status } = await birth(" master-03-etcd", "begins", (operator) => {
      must("sleep 1; lab/node kill master-03");
      operator.kill();
    });
    assert.notEqual(status, 0);
    must("lab/node start master-03");
    run("pulumi cancel --yes");
    converge();
    await assertIsTheFile();
    assert.equal(places().stdout, "");
  });
});
