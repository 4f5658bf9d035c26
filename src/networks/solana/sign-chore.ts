import { concatBytes } from '@noble/hashes/utils.js';
import { assert, present } from '../../base/assert.ts';
import {
  SigningPostponed,
  type Chore,
  type LanePosition,
  type NewTransaction,
} from '../network.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { encodeChoreMessage, type ChoreMessage } from './chore-message.ts';
import { UNITS_CAP, unitLimitFor, unitPriceFor } from './fees.ts';
import { readFreshBlockhash } from './fresh-blockhash.ts';
import { SIGNATURE_BYTES } from './message.ts';
import { signMessage, type Payer } from './payer.ts';
import { addressBytes, associatedTokenAddress, SYSTEM_PROGRAM } from './programs.ts';
import { describeError } from './simulate-batch.ts';

/** Signs the opening of the treasury's own token account. */
export async function signChore(
  payer: Payer,
  chore: Chore,
  lane: LanePosition,
): Promise<NewTransaction> {
  const { treasury } = payer;
  assert(lane.sender === treasury, 'the treasury does its own chores');
  assert(chore.purpose === 'OPEN_ACCOUNT', 'the only chore is to open an account');
  const mint = present(chore.details['mint'], 'an account is opened for a mint');
  assert(typeof mint === 'string' && addressBytes(mint).length === 32, 'a mint is an address');
  const costs = await measure(payer, mint);
  const { block, validUntilBlock } = await readFreshBlockhash(payer.pool);
  const message = encodeChoreMessage({
    treasury,
    mint,
    ...costs,
    blockhash: block.hash,
    sinceBlock: block.number,
    validUntilBlock,
  });
  const { signature, rawTransaction } = await signMessage(payer, message);
  return { ...lane, transactionHash: signature, rawTransaction, spends: [] };
}

async function measure(
  { pool, policy, treasury }: Payer,
  mint: string,
): Promise<Pick<ChoreMessage, 'unitLimit' | 'unitPrice'>> {
  try {
    return await pool.onOne(async (node) => {
      const writable = [treasury, associatedTokenAddress(treasury, mint)];
      const unitPrice = unitPriceFor(await node.recentUnitPrices(writable), policy);
      const fence = { blockhash: SYSTEM_PROGRAM, sinceBlock: 0n, validUntilBlock: 0n };
      const unitLimit = UNITS_CAP;
      const message = encodeChoreMessage({ treasury, mint, unitLimit, unitPrice, ...fence });
      const unsigned = concatBytes(Uint8Array.of(1), new Uint8Array(SIGNATURE_BYTES), message);
      const { error, unitsConsumed } = await node.simulate(unsigned);
      if (error === null) return { unitLimit: unitLimitFor(unitsConsumed), unitPrice };
      throw new SigningPostponed(`The account could not be opened: ${describeError(error)}.`);
    });
  } catch (error) {
    if (error instanceof RpcFailure) throw new SigningPostponed(error.message);
    throw error;
  }
}
