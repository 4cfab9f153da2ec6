import { z } from "zod";
import * as field from "./fields";

/** How machines are reached: `cluster.ssh`, and what of it may differ on a node. */

const bastion = z
  .strictObject({
    host: field.host.describe("Address or name of the jump host."),
    port: field.port
      .optional()
      .describe("TCP port of its SSH server; default: as in config_file, else 22."),
    user: field.user
      .optional()
      .describe("User to log in as; default: as in config_file, else the nodes' user."),
    host_key: field.hostKey.describe(
      "Public SSH host key of the jump host, as in its /etc/ssh/ssh_host_ed25519_key.pub.",
    ),
    private_key_file: field.privateKeyFile
      .optional()
      .describe(
        "File with the private key for the jump host; default: as in config_file, else as for the nodes.",
      ),
  })
  .describe("One jump host that nodes are reached through.");

const sudoPasswordFile = z
  .string()
  .describe(
    "File whose first line is what sudo asks the user for; relative to this file's folder, or below ~/; default: sudo asks for none.",
  );

export const clusterSsh = z
  .strictObject({
    user: field.user
      .optional()
      .describe(
        "User to log in as: root, or one with sudo; default: as in config_file, else root.",
      ),
    port: field.port
      .optional()
      .describe("TCP port of the nodes' SSH servers; default: as in config_file, else 22."),
    private_key_file: field.privateKeyFile.optional(),
    agent: z
      .boolean()
      .default(false)
      .describe("Switch (true or false) to take keys from ssh-agent instead of private_key_file."),
    sudo_password_file: sudoPasswordFile.optional(),
    config_file: z
      .string()
      .optional()
      .describe(
        "File in the form of ~/.ssh/config to look hosts up in, by ssh.host, else by name and ip; default: none is read.",
      ),
    bastion: bastion.optional(),
  })
  .prefault({})
  .describe("Way to reach the nodes over SSH; either private_key_file or agent: true is needed.");

export const nodeSsh = z
  .strictObject({
    host: field.host.optional().describe("Address or name to dial; default: ip."),
    port: field.port.optional().describe("TCP port of the SSH server; default: cluster.ssh.port."),
    user: field.user.optional().describe("User to log in as; default: cluster.ssh.user."),
    private_key_file: field.privateKeyFile
      .optional()
      .describe("File with this node's private key; default: as in cluster.ssh."),
    sudo_password_file: sudoPasswordFile
      .optional()
      .describe("File with what sudo asks for on this node; default: as in cluster.ssh."),
    bastion: bastion
      .optional()
      .describe("One jump host that this node is reached through; default: as in cluster.ssh."),
  })
  .prefault({})
  .describe("Settings of cluster.ssh that differ on this node.");
