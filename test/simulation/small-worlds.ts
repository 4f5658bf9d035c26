import { inject } from 'vitest';
import { familyOf, type NetworkFamily } from '../../src/networks/family.ts';
import { run, type Run, type RunOptions } from './run.ts';
import { createWorldServer, type WorldServer } from './server.ts';

let worlds: WorldServer | undefined;
function server(): WorldServer {
  worlds ??= createWorldServer(inject('serverUrl'), inject('templateDatabase'));
  return worlds;
}

/** Chains that execute what they are sent take more time for each payout. */
const PAYOUTS: Readonly<Record<NetworkFamily, number>> = {
  evm: 60,
  tron: 20,
  solana: 15,
  bitcoin: 20,
};

type AskedOfTest = Partial<RunOptions> & { readonly seed: number };

/** A run of one small world, as the tests make them. */
export function wholeOf({ network = 'MATIC_MAINNET', ...asked }: AskedOfTest): RunOptions {
  return { network, payouts: PAYOUTS[familyOf(network)], plant: null, stopAtFirst: true, ...asked };
}

export async function simulate(asked: AskedOfTest): Promise<Run> {
  return await run(server(), wholeOf(asked));
}
