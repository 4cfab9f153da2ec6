import { commandPackage } from "../../lab/plugins/command/package";
import { Provider } from "./provider";
import { SshServer } from "./sshServer";

/** For the tests of a suite: the provider of remote commands, and for each test an SSH server of its own. */
export function useRemoteCommands(): { readonly provider: Provider; readonly server: SshServer } {
  let provider: Provider;
  let server: SshServer;
  before(async () => {
    provider = await Provider.serve(commandPackage, "command:remote:Command");
  });
  after(() => provider.close());
  beforeEach(async () => {
    server = await SshServer.listen();
  });
  afterEach(() => server.close());
  return {
    get provider() {
      return provider;
    },
    get server() {
      return server;
    },
  };
}
