import { bytesToHex } from '@noble/hashes/utils.js';
import { base58Of, needAddress } from './address.ts';
import type { Block } from './block.ts';
import { headOf, homeOf, type ChainCore } from './chain-core.ts';
import { tokenAt } from './create-controls.ts';
import type { Genesis } from './genesis-block.ts';
import type { Serial } from './serial.ts';
import { accountOf } from './state.ts';
import { callData, tokenArtifact } from './token-artifact.ts';
import type { BlockSummary, ChainTruth, TokenTransfer } from './truth.ts';

const TRANSFER_TOPIC = 'ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef';
const READING_ENERGY = 1_000_000;

export function createTruth(core: ChainCore, genesis: Genesis, serial: Serial): ChainTruth {
  return {
    head: () => summaryOf(headOf(core)),
    solidified: () => summaryOf(core.blocks[core.solidNumber] ?? headOf(core)),
    block: (number) => {
      const block = core.blocks[number];
      return block === undefined ? null : summaryOf(block);
    },
    transfersOf: (token, sinceBlock = 0) => transfersOf(core, token, sinceBlock),
    transaction: (txid) => {
      const block = homeOf(core, headOf(core), txid);
      const entry = block?.entries.find((each) => each.transaction.txid === txid);
      if (block === undefined || entry === undefined) return null;
      return {
        blockNumber: block.number,
        blockId: block.id,
        result: entry.execution.result,
        feeSun: entry.execution.feeSun,
        solidified: block.number <= core.solidNumber,
      };
    },
    unitsOf: async (token, address) => {
      const data = callData(tokenArtifact(tokenAt(genesis, token).symbol), 'balanceOf(address)', [
        needAddress(address),
      ]);
      const { state, number, timestampMs } = headOf(core);
      const outcome = await serial(
        async () =>
          await core.machine.call(state, {
            caller: genesis.giver.address,
            contract: needAddress(token),
            callValue: 0n,
            data,
            energyLimit: READING_ENERGY,
            energyFactor: 0,
            block: { number, timestampMs },
          }),
      );
      return BigInt(`0x${bytesToHex(outcome.returned)}`);
    },
    sunOf: (address) => accountOf(headOf(core).state, needAddress(address))?.sun ?? 0n,
    tokenAddress: (symbol) => {
      const token = genesis.tokens.find((known) => known.symbol === symbol);
      if (token === undefined) throw new Error(`${symbol} is not a token of the genesis`);
      return base58Of(token.address);
    },
    pooled: () => [...core.pool.keys()],
    blocksDropped: () => core.blocksDropped,
  };
}

export function summaryOf(block: Block): BlockSummary {
  return {
    number: block.number,
    blockId: block.id,
    timestampMs: block.timestampMs,
    txids: block.entries.map((entry) => entry.transaction.txid),
  };
}

function transfersOf(core: ChainCore, token: string, since: number): readonly TokenTransfer[] {
  const contract = needAddress(token).slice(2);
  return core.blocks.slice(since).flatMap((block) =>
    block.entries.flatMap(({ transaction, execution }) =>
      execution.logs.flatMap(({ address, topics, data }, logIndex) => {
        const [event, from, to] = topics;
        if (address !== contract || event !== TRANSFER_TOPIC) return [];
        if (from === undefined || to === undefined) return [];
        return [
          {
            txid: transaction.txid,
            logIndex,
            from: base58Of(`41${from.slice(24)}`),
            to: base58Of(`41${to.slice(24)}`),
            units: BigInt(`0x${data}`),
            blockNumber: block.number,
            blockId: block.id,
            timestampMs: block.timestampMs,
            solidified: block.number <= core.solidNumber,
          },
        ];
      }),
    ),
  );
}
