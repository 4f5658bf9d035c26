import { isDeepStrictEqual } from 'node:util';
import { assert, AssertionFailure, present } from '../../base/assert.ts';
import type { Asset } from '../../money/asset.ts';
import type { Movement, NetworkDriver } from '../network.ts';
import { askQuorum } from '../nodes/ask-quorum.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { readHistory, type HistoryEntry, type Slots, type TokenPlace } from './account-history.ts';
import type { TokenBalance } from './executed-transaction.ts';
import { mintOf } from './mint-of.ts';
import type { SolanaNode } from './node.ts';
import type { SolanaPool } from './nodes.ts';
import { readPayoutMessage, transferIndexesOf, type PayoutMessage } from './payout-message.ts';
import { associatedTokenAddress } from './programs.ts';
import type { SolanaNetworkId } from './solana-network.ts';

/**
 * What a driver answers for `movements`, of inclusive slots: what a quorum of the nodes says, in the order
 * of slots. A payout message of the treasury's is told transfer by transfer; of anything else, whoever
 * signed it, what it did to the treasury's account as a whole. Throws RpcFailure where no quorum agrees.
 */
export function createMovements(payer: {
  readonly network: SolanaNetworkId;
  readonly pool: SolanaPool;
  readonly treasury: string;
}): NetworkDriver['movements'] {
  const { network, pool, treasury } = payer;
  return async (asset, blocks) => {
    assert(asset.network === network, `the asset is not of ${network}`);
    assert(blocks.from >= 0n, 'the first slot is below zero');
    if (blocks.to < blocks.from) return [];
    const answer = await askQuorum(
      pool,
      async (node) => await readMovements(node, { ...placeOf(asset, treasury), treasury }, blocks),
      isDeepStrictEqual,
    );
    switch (answer.kind) {
      case 'agreed':
        // The range is final on every node that answers, so lateness is no excuse.
        for (const { node } of answer.against) {
          const range = `slots ${blocks.from} to ${blocks.to}`;
          pool.quarantine(node, `other transfers in ${range} than ${answer.by.join(' and ')}`);
        }
        return answer.value;
      case 'contradicted':
        throw new RpcFailure('the nodes show different transfers of the treasury');
      case 'not enough':
        throw new RpcFailure(answer.reasons.join('; '));
    }
  };
}

/** The treasury's own token account of an asset. */
export function placeOf(asset: Asset, treasury: string): TokenPlace {
  const mint = mintOf(asset);
  return { account: associatedTokenAddress(treasury, mint), mint };
}

interface TreasuryPlace extends TokenPlace {
  readonly treasury: string;
}

/** What one node says. Throws RpcFailure where the slots are not final on it, or it fails. */
async function readMovements(
  node: SolanaNode,
  place: TreasuryPlace,
  slots: Slots,
): Promise<readonly Movement[]> {
  const finalized = await node.finalizedBlock();
  if (finalized.number < slots.to) {
    throw new RpcFailure(`${node.label}: slot ${slots.to} is not final`);
  }
  const hashes = new Map<bigint, string>();
  const movements: Movement[] = [];
  for (const entry of (await readHistory(node, place, slots)).entries) {
    if (entry.before === entry.after) continue;
    const { slot } = entry.transaction;
    const hash = hashes.get(slot) ?? (await hashOf(node, slot));
    hashes.set(slot, hash);
    movements.push(...movementsOf(place, entry, { number: slot, hash }));
  }
  return movements;
}

async function hashOf(node: SolanaNode, slot: bigint): Promise<string> {
  const block = await node.blockAt(slot);
  if (block === null) throw new RpcFailure(`${node.label}: a final transaction is in no block`);
  return block.hash;
}

function movementsOf(
  place: TreasuryPlace,
  entry: HistoryEntry,
  block: Movement['block'],
): Movement[] {
  const { signature, transaction, before, after } = entry;
  const { message, messageBytes } = transaction.parsed;
  const isOwn = message.accounts.slice(0, message.signers).includes(place.treasury);
  // Whoever has the treasury's key signs as the treasury: what it carried is for settlement to know.
  const carried = isOwn ? { fence: signature, authorityHash: signature } : null;
  const common = { kind: 'transfer', transactionHash: signature, block, carried } as const;
  const payouts = isOwn ? tryPayoutMessage(messageBytes) : null;
  if (payouts?.treasury === place.treasury && payouts.mint === place.mint) {
    return payoutsOf(payouts, entry).map((it) => ({ ...common, ...it }));
  }
  const units = after - before;
  const counterparty = findCounterparty(place, entry);
  return units > 0n
    ? [{ ...common, direction: 'in', units, counterparty, logIndex: 0n }]
    : [{ ...common, direction: 'out', units: -units, counterparty, logIndex: 0n }];
}

type Payout = Pick<Movement, 'direction' | 'units' | 'counterparty' | 'logIndex' | 'payoutId'>;

function payoutsOf(payouts: PayoutMessage, entry: HistoryEntry): Payout[] {
  const { transfers } = payouts;
  const indexes = transferIndexesOf(payouts);
  const sum = transfers.reduce((total, { units }) => total + units, 0n);
  if (entry.before - entry.after !== sum) {
    throw new RpcFailure('the treasury has moved by something else than its transfers');
  }
  return transfers.map(({ payoutId, destination, direct, opensFor, units }, at) => ({
    direction: 'out',
    units,
    counterparty: direct ? destination : (opensFor ?? walletOf(entry, payouts.mint, destination)),
    logIndex: BigInt(present(indexes[at], 'a transfer is an instruction')),
    payoutId,
  }));
}

/** The wallet whose account it is; the account itself where that has been given to somebody else. */
function walletOf({ transaction }: HistoryEntry, mint: string, account: string): string {
  const owner = transaction.tokensAfter.find((it) => it.account === account)?.owner ?? null;
  if (owner === null) throw new RpcFailure('a node does not tell whose a token account is');
  return associatedTokenAddress(owner, mint) === account ? owner : account;
}

/** Of another's transaction: whose balance moved most the other way. Empty where nobody's did. */
function findCounterparty({ account, mint }: TokenPlace, entry: HistoryEntry): string {
  const { tokensBefore, tokensAfter } = entry.transaction;
  const isIn = entry.after > entry.before;
  const unitsIn = (balances: readonly TokenBalance[], of: string): bigint =>
    balances.find((it) => it.account === of && it.mint === mint)?.units ?? 0n;
  const others = [...tokensBefore, ...tokensAfter]
    .filter((it) => it.mint === mint && it.account !== account)
    .map((it) => {
      const gained = unitsIn(tokensAfter, it.account) - unitsIn(tokensBefore, it.account);
      return { name: it.owner ?? it.account, moved: isIn ? -gained : gained };
    })
    .filter(({ moved }) => moved > 0n)
    .toSorted((a, b) => (a.moved === b.moved ? 0 : a.moved > b.moved ? -1 : 1));
  return others[0]?.name ?? '';
}

function tryPayoutMessage(bytes: Uint8Array): PayoutMessage | null {
  try {
    return readPayoutMessage(bytes);
  } catch (error) {
    if (!(error instanceof AssertionFailure)) throw error;
    return null;
  }
}
