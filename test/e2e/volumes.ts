import { CephCluster } from "./cephCluster";
import { kubectl, must, on } from "./lab";

/** Where pods with volumes run. */
const node = "worker-01";
const ceph = new CephCluster("master-01");
export const namespace = "volumes";

/**
 * A volume driver as small as can be, for the lab has neither the kernel's RBD nor ceph-csi: it asks Kubernetes for the Secret of ceph-csi
 * when a volume is mounted, as that does, and shows the image by librbd as a file, for as long as a pod has it.
 */
const driver = `#!/bin/bash
image=$(jq -r '.image // empty' <<<"\${3-}")
case $1 in
  init) echo '{"status":"Success","capabilities":{"attach":false}}' ;;
  mount)
    exec 8>&1 >>/var/log/volumes.log 2>&1
    fail() { echo "{\\"status\\":\\"Failure\\",\\"message\\":\\"$1\\"}" >&8; exit 1; }
    ! mountpoint -q "$2" || { echo '{"status":"Success"}' >&8; exit; }
    secret=$(curl --silent --fail --cacert /etc/kubernetes/pki/ca.crt --header "Authorization: Bearer $(cat /root/volumes.token)" https://127.0.0.1:6443/api/v1/namespaces/ceph-csi/secrets/csi-rbd-secret) || fail "no Secret"
    user=$(jq -r '.data.userID | @base64d' <<<"$secret")
    umask 077
    printf '[client.%s]\\n\\tkey = %s\\n' "$user" "$(jq -r '.data.userKey | @base64d' <<<"$secret")" >"/run/volume-$image"
    mkdir -p "$2"
    systemctl reset-failed "volume-$image" 2>/dev/null
    systemd-run --quiet --unit="volume-$image" python3 /root/volume.py "client.$user" "/run/volume-$image" "$image" "$2" || fail "systemd-run"
    for _ in {1..50}; do ! mountpoint -q "$2" || { echo '{"status":"Success"}' >&8; exit; }; sleep 0.2; done
    fail "$(journalctl --quiet --output=cat --lines=3 --unit="volume-$image" | tr -dc 'a-zA-Z0-9 .:-')"
    ;;
  unmount)
    ! mountpoint -q "$2" || umount "$2" >&2 || { echo '{"status":"Failure","message":"busy"}'; exit 1; }
    echo '{"status":"Success"}'
    ;;
  *) echo '{"status":"Not supported"}'; exit 1 ;;
esac
`;
/** Shows an image as a file. Debian's own rbd-fuse ends with a fault as it starts. */
const program = `import errno, fusepy as fuse, rados, rbd, stat, sys
user, keyring, name, where = sys.argv[1:]
cluster = rados.Rados(conffile="/etc/ceph/ceph.conf", name=user, conf={"keyring": keyring})
cluster.connect(timeout=15)
image = rbd.Image(cluster.open_ioctx("kubernetes"), name)
class Volume(fuse.Operations):
    def getattr(self, path, fh=None):
        if path == "/": return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        if path != "/" + name: raise fuse.FuseOSError(errno.ENOENT)
        return {"st_mode": stat.S_IFREG | 0o644, "st_nlink": 1, "st_size": image.size()}
    def readdir(self, path, fh): return [".", "..", name]
    def read(self, path, size, offset, fh): return image.read(offset, max(0, min(size, image.size() - offset)))
    def write(self, path, data, offset, fh): return image.write(data, offset)
    def truncate(self, path, length, fh=None): pass
    def fsync(self, path, datasync, fh): image.flush()
    def flush(self, path, fh): image.flush()
fuse.FUSE(Volume(), where, foreground=True, nothreads=True, allow_other=True)
image.close()
`;
const folder = "/usr/libexec/kubernetes/kubelet-plugins/volume/exec/lab~rbd";

/** Puts the driver on the node, which may read that one Secret. */
export function installDriver(): void {
  kubectl(`create namespace ${namespace} --dry-run=client -o yaml | kubectl apply -f -`);
  kubectl(
    "apply -f -",
    `
apiVersion: v1
kind: ServiceAccount
metadata: { name: volumes, namespace: ceph-csi }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: volumes, namespace: ceph-csi }
rules: [{ apiGroups: [""], resources: [secrets], resourceNames: [csi-rbd-secret], verbs: [get] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: volumes, namespace: ceph-csi }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: volumes }
subjects: [{ kind: ServiceAccount, name: volumes, namespace: ceph-csi }]
`,
  );
  must(
    `kubectl -n ceph-csi create token volumes --duration 4h | lab/ssh ${node} 'umask 077; cat >/root/volumes.token'`,
  );
  // This machine's own: those of the lab reach no archive.
  must(`rm -rf .lab/fuse; mkdir .lab/fuse; cd .lab/fuse
    apt-get -qq download python3-fusepy "$(apt-cache depends python3-fusepy | sed -n 's/^.*Depends: \\(libfuse2.*\\)/\\1/p' | head -n 1)"
    for package in *.deb; do dpkg-deb -x "$package" files; done
    tar -c -C files usr/lib/python3/dist-packages $(cd files && find . -name 'libfuse.so*') | ../../lab/ssh ${node} 'tar -x -C /'`);
  must(
    `lab/ssh ${node} 'ldconfig; [ -e /dev/fuse ] || mknod -m 666 /dev/fuse c 10 229; mkdir -p ${folder}; cat >/root/volume.py'`,
    { input: program },
  );
  must(
    `lab/ssh ${node} 'cat >${folder}/rbd.new; chmod 755 ${folder}/rbd.new; mv ${folder}/rbd.new ${folder}/rbd'`,
    {
      input: driver,
    },
  );
}

/** An image, unless it is there, with a PersistentVolume and a claim that is bound to it, as a provisioner makes them. */
export function makeVolume(name: string, isThere = false): void {
  if (!isThere) ceph.run(`rbd create kubernetes/${name} --size 16M`);
  kubectl(
    "apply -f -",
    `
apiVersion: v1
kind: PersistentVolume
metadata: { name: ${name} }
spec:
  capacity: { storage: 16Mi }
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: ""
  flexVolume: { driver: lab/rbd, options: { image: ${name} } }
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: ""
  volumeName: ${name}
  resources: { requests: { storage: 16Mi } }
`,
  );
}

/** Writes a number three times a second into its volume, at its own place, after the last that it finds there; says each that is written. */
const loop = `v=/data/$VOLUME; n=$(head -c 16 $v | tr -dc 0-9); n=\${n:-0}; echo "began after $n"
while :; do
  n=$((n + 1))
  { printf '%-511s\\n' $n | dd of=$v bs=512 seek=$n conv=notrunc,fsync && printf '%-511s\\n' $n | dd of=$v bs=512 conv=notrunc,fsync; } 2>/dev/null && echo "$n" || echo "failed $n"
  sleep 0.3
done`;

/** A Deployment whose pod writes into the volume of the same name. */
export function startWriting(name: string): void {
  kubectl(
    "apply -f -",
    JSON.stringify({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, namespace },
      spec: {
        replicas: 1,
        strategy: { type: "Recreate" },
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name } },
          spec: {
            nodeSelector: { "kubernetes.io/hostname": node },
            terminationGracePeriodSeconds: 0,
            containers: [
              {
                name: "writer",
                image: "docker.io/library/busybox:1",
                command: ["sh", "-c", loop],
                env: [{ name: "VOLUME", value: name }],
                volumeMounts: [{ name: "data", mountPath: "/data" }],
                readinessProbe: { exec: { command: ["test", "-s", `/data/${name}`] } },
              },
            ],
            volumes: [{ name: "data", persistentVolumeClaim: { claimName: name } }],
          },
        },
      },
    }),
  );
  writes(name);
}

/** Waits until the pod is there and writes. */
export const writes = (name: string) =>
  kubectl(`-n ${namespace} rollout status deployment/${name} --timeout=120s`);

/** What the pod said. */
export const said = (name: string) => kubectl(`-n ${namespace} logs deployment/${name}`);
/** The last number that the pod has written. */
export const lastOf = (name: string) => Number(/^(\d+)\n(?![^]*^\d+$)/m.exec(said(name))?.[1] ?? 0);

/** The numbers in the image that are missing, up to one; read as administrator. */
export function missing(name: string, last: number): number[] {
  const read = ceph.run(
    `bash -c 'rbd export --no-progress kubernetes/${name} - 2>/dev/null | head -c ${512 * (last + 1)} | tail -c +513 | tr -s " " | tr -dc "0-9\\n"'`,
  );
  const there = new Set(read.split("\n").filter(Boolean).map(Number));
  return Array.from({ length: last }, (_, i) => i + 1).filter((n) => !there.has(n));
}

/** The pod ends, and another one begins with the volume mapped anew. */
export function restart(name: string): void {
  kubectl(`-n ${namespace} scale deployment/${name} --replicas=0`);
  kubectl(`-n ${namespace} wait --for=delete pod -l app=${name} --timeout=60s`);
  const { status, output } = on(
    node,
    `for i in {1..150}; do systemctl is-active --quiet volume-${name} || exit 0; sleep 0.2; done; exit 1`,
  );
  if (status !== 0) throw new Error(`the volume of ${name} is still mapped: ${output}`);
  kubectl(`-n ${namespace} scale deployment/${name} --replicas=1`);
  writes(name);
}
