import type { TrueSpend } from '../../local-chains/bitcoin/bitcoin-chain.ts';
import { parseTransaction } from '../../local-chains/bitcoin/transaction.ts';
import { addressOfScript, scriptOfAddress } from '../../src/networks/bitcoin/script.ts';
import type { LocalChain } from '../../src/sandbox/start-local-chain.ts';
import type { PaidOut } from './paying-chain.ts';

const COINS = 20;

/** Twenty coins of one bitcoin, all of them final. */
export async function fundBitcoin(world: {
  readonly chain: LocalChain;
  readonly treasury: string;
  readonly finalAfter: number;
}): Promise<void> {
  const { chain, treasury, finalAfter } = world;
  const scriptHex = scriptOfAddress(treasury);
  for (let coin = 0; coin < COINS; coin += 1) {
    await chain.control('fund', { scriptHex, units: String(10n ** 8n) });
  }
  await chain.control('produceBlocks', { count: finalAfter });
}

/** The outputs, the change left out, of every mined transaction that spent a coin of the treasury's. */
export async function paidOnBitcoin(about: {
  readonly control: LocalChain['control'];
  readonly treasury: string;
}): Promise<PaidOut[]> {
  const { control, treasury } = about;
  const scriptHex = scriptOfAddress(treasury);
  const spends = (await control('spendsFrom', { scriptHex })) as readonly TrueSpend[];
  const paid: PaidOut[] = [];
  for (const txid of new Set(spends.map(({ spentBy }) => spentBy))) {
    const raw = (await control('rawOf', { txid })) as string;
    const { outputs } = parseTransaction(Uint8Array.from(Buffer.from(raw, 'hex')));
    for (const { scriptHex: script, units } of outputs) {
      if (script === scriptHex) continue;
      paid.push({ to: addressOfScript(script) ?? script, units, transactionHash: txid });
    }
  }
  return paid;
}
