import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

export interface MachineArgs {
  /** Where the machine answers to whoever installed it. */
  host: string;
  installerKey: pulumi.Input<string>;
  /** Public key to let in from now on. */
  authorizedKey: pulumi.Input<string>;
}

/**
 * Stands for a machine of a cloud or of a hypervisor, which takes keys as user data and tells its address when it is there.
 * Here it has been installed before, and is only handed over. A cloud's can be given its host key, too (cloud-init's
 * `ssh_keys`): then nobody has to believe what it shows at first.
 */
export class Machine extends pulumi.ComponentResource {
  readonly address: pulumi.Output<string>;
  readonly hostKey: pulumi.Output<string>;

  constructor(name: string, args: MachineArgs, opts?: pulumi.ComponentResourceOptions) {
    super("example:index:Machine", name, {}, opts);
    const { stdout } = new command.remote.Command(
      `${name}-handed-over`,
      {
        connection: { host: args.host, user: "root", privateKey: args.installerKey },
        create:
          "cat >>/root/.ssh/authorized_keys && hostname -I && cat /etc/ssh/ssh_host_ed25519_key.pub",
        stdin: args.authorizedKey,
        logging: "none",
        addPreviousOutputInEnv: false,
      },
      { parent: this },
    );
    const line = (n: number) => stdout.apply((text) => text.split("\n")[n] ?? "");
    this.address = line(0).apply((all) => all.split(" ")[0] ?? "");
    this.hostKey = line(1);
    this.registerOutputs();
  }
}
