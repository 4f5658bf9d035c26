import { present } from '../base/assert.ts';
import { TOKENS, type Token } from '../money/asset.ts';
import { SAMPLE_RECIPIENTS } from './sample-recipients.ts';
import type { SandboxBusiness } from './sandbox-business.ts';
import type { SandboxChain } from './sandbox-chain.ts';

/** Tells the person who started the sandbox what there is, and how to send a first payout. */
export function announce(
  print: (line: string) => void,
  world: {
    readonly business: SandboxBusiness;
    readonly chains: readonly SandboxChain[];
    readonly baseUrl: string;
    readonly environmentFile: string;
    readonly sandboxFile: string;
    /** From the start to being ready. */
    readonly seconds: number;
    /** Whether the API and the worker run. */
    readonly hasServices: boolean;
  },
): void {
  const { business, chains, baseUrl } = world;
  const network = chains.find((chain) => chain.network === 'MATIC_MAINNET') ?? chains[0];
  const body = {
    network: network?.network,
    token: network === undefined ? '' : tokenOf(network),
    amount: 0.02,
    toAddress: network === undefined ? '' : SAMPLE_RECIPIENTS[network.network],
  };
  print('');
  print(`  API key        ${business.apiKey}`);
  print(`  client id      ${business.clientId}`);
  print(`  client secret  ${business.clientSecret}`);
  print(`  webhook secret ${business.webhookSecret}`);
  print(`  settings       ${world.environmentFile}`);
  print(`  all of it      ${world.sandboxFile}`);
  print('');
  if (!world.hasServices) {
    print('Database and chains only. Start the API and the worker with these settings:');
    print('');
    print(`node --env-file='${world.environmentFile}' bin/knit.mjs api`);
    print(`node --env-file='${world.environmentFile}' bin/knit.mjs worker`);
    print('');
  }
  print(
    chains.length > 1
      ? 'Send a payout. For another network put its name, token and recipient in their places:'
      : 'Send a payout:',
  );
  for (const other of chains.filter((chain) => chain !== network)) {
    const recipient = SAMPLE_RECIPIENTS[other.network];
    print(`  ${other.network.padEnd(16)} ${tokenOf(other).padEnd(4)} ${recipient}`);
  }
  print('');
  print(`curl --location -g '${baseUrl}/api/v1/payouts' \\`);
  print(`--header 'X-API-KEY: ${business.apiKey}' \\`);
  print(`--header 'Accept: application/json' \\`);
  print(`--data '${JSON.stringify(body, null, 2)}'`);
  print('');
  print(`ready ${baseUrl} (${world.seconds.toFixed(1)} s; Ctrl-C stops everything)`);
}

function tokenOf({ tokens }: SandboxChain): Token {
  return present(
    TOKENS.find((token) => token in tokens),
    'a network has a token',
  );
}
