import type { Database } from '../database/database.ts';
import type { Finding, PlacedFinding } from '../networks/examination.ts';
import type { CommandDeps } from './command-deps.ts';
import { examineDatabase } from './examine-database.ts';
import { examineNetwork } from './examine-network.ts';
import { examineSettings } from './examine-settings.ts';
import { examineWebhooks } from './examine-webhooks.ts';

/**
 * Looks at everything that the settings lead to, and changes nothing. What cannot be looked at because
 * something before it is wrong is left out.
 */
export async function examineInstallation(
  deps: Pick<CommandDeps, 'terminal' | 'clock'>,
): Promise<readonly PlacedFinding[]> {
  const { clock } = deps;
  const { findings, readable } = await examineSettings(deps.terminal.env);
  const look = async (database: Database | null): Promise<readonly PlacedFinding[]> => {
    const [networks, webhooks] = await Promise.all([
      Promise.all(
        readable.networks.map(async ({ network, config }) => {
          const found = await examineNetwork({ network, config, readable, database, clock });
          return found.map((finding) => ({ ...finding, network }));
        }),
      ),
      examineWebhooks({ readable, database, clock }),
    ]);
    return [...networks.flat(), ...webhooks.map(general)];
  };
  const { found, rest } = await examineDatabase(readable.database, look);
  return [...findings, ...found.map(general), ...rest];
}

function general(finding: Finding): PlacedFinding {
  return { ...finding, network: null };
}
