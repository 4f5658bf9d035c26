import { assert } from '../../../src/base/assert.ts';
import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import { isSpentIn, spentSlotOf } from '../../../src/networks/evm/spent-slot.ts';
import { nonceKey, weiKey } from './accounts.ts';
import { nextBaseFee, shown, type BlockRecord } from './block.ts';
import { createCore, dearest, FAUCET, TOKEN_ADDRESSES, TOKEN_OWNER, type Core } from './core.ts';
import { createNode, type OwnedNode } from './node.ts';
import { reorganise } from './reorganise.ts';
import type {
  MineOptions,
  PooledTransaction,
  SimulatedBlock,
  SimulatedChain,
  SimulatedChainOptions,
  SimulatedTokenName,
} from './simulated-chain.ts';
import { balanceKey } from './token.ts';
import { ownerCall } from './owner-calls.ts';
import { keylessTransaction, type ChainTransaction } from './transaction.ts';
import { storageKey } from './treasury.ts';
import { paymentsIn } from './truth.ts';

/** The chain of {@link SimulatedChain}, with one block and nothing in it. */
export function createSimulatedChain(options: SimulatedChainOptions): SimulatedChain {
  const { chainId, decimals, random } = options;
  const treasury = options.treasury.toLowerCase() as Hex;
  const core = createCore(options);
  const nodes: OwnedNode[] = [];
  const counts: Record<string, number> = {};
  const count = (kind: string): void => {
    counts[kind] = (counts[kind] ?? 0) + 1;
  };
  const onBlock = (): void => {
    for (const node of nodes) node.onBlock();
  };
  const now = (): bigint => BigInt(Math.floor(options.clock.now().getTime() / 1_000));
  const { lineage, pool, state } = core;
  return {
    chainId,
    tokens: {
      USDT: { address: TOKEN_ADDRESSES.USDT, decimals },
      USDC: { address: TOKEN_ADDRESSES.USDC, decimals },
    },
    node(label, faults = {}) {
      assert(
        nodes.every((node) => node.label !== label),
        `there is a node ${label} already`,
      );
      const node = createNode(label, faults, { core, random, treasury, count });
      nodes.push(node);
      return node;
    },
    mine(how = {}) {
      const block = mine(core, how, { now: now(), below: (limit) => random.below(limit) });
      onBlock();
      return shown(block);
    },
    reorg(order) {
      const report = reorganise(core, order, { now, random });
      if (report.depth > 0) count(order.pastFinal === true ? 'reorg past final' : 'reorg');
      for (let added = 0; added < report.added.length; added += 1) onBlock();
      return report;
    },
    ...actionsOn(core),
    setBaseFee(wei) {
      core.nextBaseFeeWei = wei;
    },
    setFinalizedBehind(blocks) {
      core.finalizedBehind = blocks;
    },
    pool: () => pool.all().map(shownTransaction),
    forget: (hash) => (hash === undefined ? pool.clear() : pool.remove(hash)),
    head: () => shown(lineage.head()),
    finalized: () => finalOf(core),
    unitsOf: (token, address) => state.word(balanceKey(token, lower(address))),
    weiOf: (address) => state.word(weiKey(lower(address))),
    isSpent: (batchId) => {
      const place = spentSlotOf(batchId);
      return isSpentIn(state.word(storageKey(treasury, place.slot)), place);
    },
    truth: (sinceBlock = 0n) =>
      paymentsIn(lineage.canonical().slice(Number(sinceBlock)), treasury, () => true),
    everPaid: () => paymentsIn(lineage.all(), treasury, (block) => lineage.isCanonical(block)),
    faultCounts: () => counts,
  };
}

function mine(
  core: Core,
  { withhold = () => false, shuffled = false }: MineOptions,
  chance: { readonly now: bigint; readonly below: (limit: number) => number },
): BlockRecord {
  const parent = core.lineage.head();
  const baseFeeWei = core.nextBaseFeeWei ?? nextBaseFee(parent);
  const after = parent.timestamp + 1n;
  return core.build({
    timestamp: chance.now > after ? chance.now : after,
    pick: (all) => {
      const candidates = all.filter((each) => !withhold(shownTransaction(each)));
      if (!shuffled) return dearest(candidates, baseFeeWei);
      return candidates[candidates.length === 0 ? 0 : chance.below(candidates.length)] ?? null;
    },
  });
}

type Actions = Pick<SimulatedChain, 'sendAs' | 'fund' | 'setBlacklisted' | 'setPaused' | 'setFee'>;

/** What happens in the next block by somebody else's hand. */
function actionsOn(core: Core): Actions {
  const sendAs: SimulatedChain['sendAs'] = (from, { to, data = '0x', wei = 0n }) => {
    const sender = lower(from);
    const waiting = core.due.filter((each) => each.from === sender).length;
    const nonce = core.state.word(nonceKey(sender)) + BigInt(waiting);
    const call = { from: sender, nonce, to: lower(to), data, wei };
    core.due.push(keylessTransaction(core.chainId, call));
  };
  const asOwner = (token: SimulatedTokenName, signature: string, args: readonly bigint[]): void =>
    sendAs(TOKEN_OWNER, { to: TOKEN_ADDRESSES[token], data: ownerCall(signature, args) });
  return {
    sendAs,
    fund(address, { wei = 0n, USDT = 0n, USDC = 0n }) {
      const to = BigInt(address);
      if (wei > 0n) sendAs(FAUCET, { to: address, wei });
      if (USDT > 0n) {
        asOwner('USDT', 'issue(uint256)', [USDT]);
        asOwner('USDT', 'transfer(address,uint256)', [to, USDT]);
      }
      if (USDC > 0n) asOwner('USDC', 'mint(address,uint256)', [to, USDC]);
    },
    setBlacklisted(token, address, listed) {
      const names = {
        USDT: ['removeBlackList(address)', 'addBlackList(address)'],
        USDC: ['unBlacklist(address)', 'blacklist(address)'],
      } as const;
      asOwner(token, names[token][listed ? 1 : 0], [BigInt(address)]);
    },
    setPaused: (token, paused) => asOwner(token, paused ? 'pause()' : 'unpause()', []),
    setFee: (basisPoints, maximumWhole) =>
      asOwner('USDT', 'setParams(uint256,uint256)', [basisPoints, maximumWhole]),
  };
}

function finalOf({ lineage }: Core): SimulatedBlock {
  const final = lineage.canonical()[lineage.head().finalNumber];
  assert(final !== undefined, 'the final block is on the chain');
  return shown(final);
}

export function shownTransaction(transaction: ChainTransaction): PooledTransaction {
  const { hash, raw, from, nonce, to, maxFeeWei, maxTipWei, gasLimit } = transaction;
  return { hash, raw, from, nonce, to, maxFeeWei, maxTipWei, gasLimit: BigInt(gasLimit) };
}

function lower(address: Hex): Hex {
  return address.toLowerCase() as Hex;
}
