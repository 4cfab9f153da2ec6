import assert from "assert/strict";
import { kubernetesPackage } from "../../lab/plugins/kubernetes/package";
import { type Properties, unknown } from "../../lab/plugins/shared/values";
import { ApiServer } from "./apiServer";
import { plain, Provider, secret } from "./provider";

const types = {
  configMap: "kubernetes:core/v1:ConfigMap",
  secret: "kubernetes:core/v1:Secret",
  service: "kubernetes:core/v1:Service",
  deployment: "kubernetes:apps/v1:Deployment",
  binding: "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding",
};

const configMap = (value: string, metadata: Properties = { name: "own" }): Properties => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata,
  data: { key: value },
});

const deployment = (annotations: Properties = {}): Properties => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", annotations },
  spec: { replicas: 2, selector: { matchLabels: { app: "web" } } },
});

describe("the lab's kubernetes provider", () => {
  let api: ApiServer;
  let provider: Provider;

  beforeEach(async () => {
    api = await ApiServer.listen();
    provider = await Provider.serve(kubernetesPackage(), types.configMap);
    await provider.configure({ kubeconfig: api.kubeconfig });
  });
  afterEach(async () => {
    provider.close();
    await api.close();
  });

  it("applies on the server, under one manager, with unknown fields refused", async () => {
    const state = await provider.create(configMap("a"));
    assert.equal(state.id, "own");
    const manager = plain(state).__fieldManager;
    assert.match(manager ?? "", /^pulumi-kubernetes-[0-9a-f]{8}$/);
    await provider.update(state, configMap("b"));
    const path = "/api/v1/namespaces/default/configmaps/own";
    const apply = `PATCH ${path}?fieldManager=${manager}&force=false&fieldValidation=Strict`;
    assert.deepEqual(api.calls, [`GET ${path}`, apply, apply]);
    await provider.delete(state);
    assert.equal(api.objects.size, 0);
    await provider.delete(state);
  });

  it("refuses to create what exists, unless it may take it over", async () => {
    await provider.create(configMap("a"));
    await assert.rejects(provider.create(configMap("b")), /ConfigMap "own" already exists/);
    await provider.configure({ kubeconfig: api.kubeconfig, upsertExistingObjects: "true" });
    await provider.create(configMap("b"));
  });

  it("makes up a name and keeps it", async () => {
    const state = await provider.create(configMap("a", { namespace: "n" }));
    assert.match(state.id, /^n\/thing-[0-9a-f]{8}$/);
    const same = await provider.diff(state, configMap("a", { namespace: "n" }));
    assert.deepEqual(same, { changed: [], replaces: [], deleteBeforeReplace: false });
  });

  it("replaces what cannot be changed, and deletes first where the name stays", async () => {
    const state = await provider.create(configMap("a"));
    const changed = await provider.diff(state, configMap("b"));
    assert.deepEqual(changed, { changed: ["data"], replaces: ["data"], deleteBeforeReplace: true });
    const renamed = await provider.diff(state, configMap("a", { name: "other" }));
    assert.deepEqual(renamed.replaces, ["metadata.name"]);
    assert.equal(renamed.deleteBeforeReplace, false);
    const moved = await provider.diff(state, configMap("a", { name: "own", namespace: "default" }));
    assert.deepEqual(moved.replaces, []);

    const binding = (name: string) => ({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "rights" },
      roleRef: { name },
    });
    const bound = { id: "rights", inputs: binding("view"), outputs: binding("view"), secrets: [] };
    assert.deepEqual((await provider.of(types.binding).diff(bound, binding("edit"))).replaces, [
      "roleRef",
    ]);
  });

  it("keeps a Secret's data secret", async () => {
    const state = await provider.of(types.secret).create({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "own" },
      stringData: { key: secret("x") },
    });
    assert.deepEqual(state.secrets, ["stringData"]);
  });

  it("waits for a Deployment, unless told not to", async () => {
    api.status = { observedGeneration: 1, updatedReplicas: 2, availableReplicas: 1, replicas: 2 };
    const waiting = deployment({ "pulumi.com/timeoutSeconds": "1" });
    await assert.rejects(
      provider.of(types.deployment).create(waiting),
      /Deployment "web" was not done after 1 s: 1 of 2 replicas are available/,
    );
    api.objects.clear();
    await provider.of(types.deployment).create(deployment({ "pulumi.com/skipAwait": "true" }));
    api.objects.clear();
    api.status = { ...api.status, availableReplicas: 2 };
    await provider.of(types.deployment).create(waiting);
  });

  it("waits for a Service's endpoints", async () => {
    const service = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web", annotations: { "pulumi.com/timeoutSeconds": "1" } },
      spec: { selector: { app: "web" } },
    };
    await assert.rejects(
      provider.of(types.service).create(service),
      /Service "web" was not done after 1 s: no endpoint of it is ready/,
    );
    api.objects.clear();
    api.status = { endpoints: true };
    await provider.of(types.service).create(service);
  });

  it("previews by a dry run, and with unknowns or without a cluster shows the inputs", async () => {
    const previewed = await provider.create(configMap("a"), true);
    assert.deepEqual(plain(previewed).metadata, { name: "own", uid: "1" });
    assert.equal(api.objects.size, 0);
    assert.deepEqual(plain(await provider.create(configMap(unknown), true)).metadata, {
      name: "own",
    });
    await provider.configure({ kubeconfig: "{}" });
    assert.deepEqual(plain(await provider.create(configMap("a"), true)).metadata, { name: "own" });
  });

  it("remembers a cluster that could not be reached when it was configured", async () => {
    const state = await provider.create(configMap("a"));
    const { kubeconfig } = api;
    await api.close();
    await provider.configure({ kubeconfig });
    await assert.rejects(
      provider.create(configMap("a")),
      /configured Kubernetes cluster is unreachable: http:\/\/127.0.0.1:\d+: connect ECONNREFUSED/,
    );
    await assert.rejects(provider.delete(state), /PULUMI_K8S_DELETE_UNREACHABLE/);
    await provider.configure({ kubeconfig, deleteUnreachable: "true" });
    await provider.delete(state);
    api = await ApiServer.listen();
  });

  it("is replaced when its cluster is another one, or its identifier changes", async () => {
    const at = (server: string) =>
      api.kubeconfig.replace(/http:\/\/[^"]*/, server).replace('"t"', JSON.stringify(server));
    const diff = (olds: Properties, news: Properties) => provider.diffConfig(olds, news);
    assert.deepEqual(await diff({ kubeconfig: at("http://a") }, { kubeconfig: at("http://b") }), [
      "kubeconfig",
    ]);
    const token = { kubeconfig: at("http://a").replace('"http://a"}}]}', '"u"}}]}') };
    assert.deepEqual(await diff({ kubeconfig: at("http://a") }, token), []);
    assert.deepEqual(await diff({ kubeconfig: at("http://a") }, { kubeconfig: unknown }), [
      "kubeconfig",
    ]);
    const named = (clusterIdentifier: string, kubeconfig: string) => ({
      clusterIdentifier,
      kubeconfig,
    });
    assert.deepEqual(await diff(named("x", at("http://a")), named("x", unknown)), []);
    assert.deepEqual(await diff(named("x", "{}"), named("y", "{}")), ["clusterIdentifier"]);
  });

  it("says what it does not do", async () => {
    await assert.rejects(
      provider.of("kubernetes:helm.sh/v3:Release").create(configMap("a")),
      /does not support the resource type kubernetes:helm.sh/,
    );
    await assert.rejects(
      provider.of("kubernetes:core/v1:ConfigMapPatch").create(configMap("a")),
      /does not support the resource type kubernetes:core\/v1:ConfigMapPatch/,
    );
    await assert.rejects(
      provider.configure({ kubeconfig: api.kubeconfig, enableServerSideApply: "false" }),
      /knows server-side apply only/,
    );
  });
});
