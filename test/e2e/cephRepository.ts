import assert from "node:assert/strict";
import { must, on } from "./lab";

/**
 * Makes of the packages of Ceph that a machine has a repository below /srv/ceph/repo, in which they are of another version. Daemons say so
 * by these two files; plugins keep what the code compares them with.
 */
const repack = `
import hashlib, os, re, shutil, subprocess, sys
package_version, said, says = sys.argv[1:]
out = lambda *words: subprocess.run(words, check=True, capture_output=True, text=True).stdout
installed = [line.split() for line in out("dpkg-query", "-Wf", "\${source:Package} \${Package} \${Version} \${db:Status-Abbrev}\\n").splitlines()]
installed = [(name, version) for source, name, version, state in installed if source == "ceph" and state == "ii"]
base = re.escape(re.sub(r"\\+b\\d+$", "", dict(installed)["ceph-common"])) + r"(\\+b\\d+)?"
root, index = "/srv/ceph", ""
shutil.rmtree(root, ignore_errors=True)
os.makedirs(root + "/repo/pool")

def build(name, control, paths=(), scripts=()):
    tree = f"{root}/build/{name}"
    os.makedirs(tree + "/DEBIAN")
    for path in paths:
        if path == "/." or not (os.path.lexists(path) or path.startswith("/var/lib/ceph/")): continue
        if not os.path.lexists(path): os.makedirs(tree + path, exist_ok=True)
        elif os.path.isdir(path) and not os.path.islink(path): os.makedirs(tree + path, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(tree + path), exist_ok=True)
            subprocess.run(["cp", "-a", path, tree + path], check=True)
            if re.search(r"/libceph-common[.]so|^/usr/bin/ceph-osd$", path) and not os.path.islink(path):
                with open(path, "rb") as file: data = file.read()
                with open(tree + path, "r+b") as file: file.write(data.replace(said.encode(), says.encode()))
    for script, path in scripts: shutil.copy(path, f"{tree}/DEBIAN/{script}")
    with open(tree + "/DEBIAN/control", "w") as file: file.write(control)
    deb = f"pool/{name}.deb"
    out("dpkg-deb", "-Znone", "--build", tree, f"{root}/repo/{deb}")
    shutil.rmtree(tree)
    with open(f"{root}/repo/{deb}", "rb") as file: data = file.read()
    global index
    index += f"{control}Filename: {deb}\\nSize: {len(data)}\\nSHA256: {hashlib.sha256(data).hexdigest()}\\n\\n"

for name, version in installed:
    control = re.sub(r"^Conffiles:\\n( .*\\n)*|^Status: .*\\n", "", out("dpkg-query", "-s", name), flags=re.M).strip() + "\\n"
    info = "/var/lib/dpkg/info/"
    scripts = [(kind, path) for kind in ("preinst", "postinst", "prerm", "postrm", "conffiles", "triggers", "shlibs")
        for path in (f"{info}{name}.{kind}", f"{info}{name}:amd64.{kind}") if os.path.exists(path)]
    build(name, re.sub(base, package_version, control), out("dpkg-query", "-L", name).splitlines(), scripts)
build("jq", "Package: jq\\nVersion: 99\\nArchitecture: all\\nMaintainer: none\\nDescription: nobody is to get it\\n")
suite = root + "/repo/dists/trixie"
os.makedirs(suite + "/main/binary-amd64")
with open(suite + "/main/binary-amd64/Packages", "w") as file: file.write(index)
digest = hashlib.sha256(index.encode()).hexdigest()
with open(suite + "/Release", "w") as file:
    file.write(f"Origin: test\\nSuite: trixie\\nCodename: trixie\\nDate: {out('date', '-Ru').strip()}\\nArchitectures: amd64 all\\nComponents: main\\n"
        f"SHA256:\\n {digest} {len(index.encode())} main/binary-amd64/Packages\\n")
print("\\n".join(name for name, _ in installed))
`;

/** Where the lab's mirror serves it. */
export const repository = "https://10.77.0.1:8443/ceph-packages";
const folder = ".lab/artifacts/mirror/ceph-packages";

/**
 * A repository of Ceph's packages that stands in for upstream's, with one more package that nobody is to get.
 * @param node a machine that has Debian's
 * @param version of the packages, whose programs call themselves by its first three numbers
 * @returns the names of Ceph's packages
 */
export function publish(node: string, version: string): string[] {
  const said =
    on(node, "ceph --version")
      .stdout.split(" ")[2]
      ?.replace(/[^0-9.].*/, "") ?? "";
  const says = version.replace(/[^0-9.].*/, "");
  assert.equal(said.length, says.length, `${said} is not as long as ${says}`);
  const made = on(
    node,
    `cat >/root/repack.py <<'END'\n${repack}END\npython3 /root/repack.py ${version} ${said} ${says}`,
  );
  assert.equal(made.status, 0, made.output);
  must(
    `rm -rf ${folder} && mkdir -p ${folder} && lab/ssh ${node} 'tar -C /srv/ceph/repo -cf - . && rm -rf /srv/ceph' | tar -C ${folder} -xf -`,
  );
  // Both keys are made; the other one has signed nothing.
  must(`export GNUPGHOME=$(mktemp -d)
    for who in publisher other; do
      gpg --batch --quiet --passphrase '' --quick-generate-key "$who <$who@example.org>" ed25519 sign never
      gpg --armor --export "$who@example.org" >.lab/$who.asc
    done
    gpg --batch --quiet --local-user publisher@example.org --output ${folder}/dists/trixie/InRelease --clearsign ${folder}/dists/trixie/Release
    gpgconf --kill all; rm -rf "$GNUPGHOME"`);
  return made.stdout.trim().split("\n");
}

export const unpublish = () => must(`rm -rf ${folder} .lab/publisher.asc .lab/other.asc`);
