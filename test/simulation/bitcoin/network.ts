import { schnorr } from '@noble/curves/secp256k1.js';
import type { Asset } from '../../../src/money/asset.ts';
import { createBitcoinDriver } from '../../../src/networks/bitcoin/driver.ts';
import { addressOfScript } from '../../../src/networks/bitcoin/script.ts';
import { present } from '../../../src/base/assert.ts';
import { createBitcoinChain } from '../../../local-chains/bitcoin/create-bitcoin-chain.ts';
import { parseTransaction } from '../../../local-chains/bitcoin/transaction.ts';
import { blocksOfProof } from '../blocks-of-proof.ts';
import { createTransactionFinder } from '../payees-by-transaction.ts';
import type { NetworkPlace, SentTransaction, SimulatedNetwork } from '../simulated-network.ts';
import { createBlocks } from './blocks.ts';
import { findSharedCoins } from './shared-coins.ts';
import { createMoodyNode } from './moody-node.ts';
import { createPayments } from './payments.ts';
import { createTreasury } from './treasury.ts';
import { createTroubles, DEAR_METHODS } from './troubles.ts';

const DECIMALS = 8;
const LEDGER_SCALE = 10n ** 10n;
const CONFIRMATIONS = 6;

/** Forty of their rewards can be spent at the start: 2,000 bitcoins to give to the treasury. */
const FIRST_BLOCKS = 140;

/** The treasury's money comes in so many coins. */
const COINS = 8n;

/** The local Bitcoin chain (local-chains/bitcoin) under the driver of src/networks/bitcoin. */
export async function createBitcoinNetwork(place: NetworkPlace): Promise<SimulatedNetwork> {
  const random = place.random.fork('bitcoin');
  const treasury = createTreasury(random.pick(['p2tr', 'p2wpkh'] as const));
  const blockMs = random.pick([15_000, 40_000]);
  const chain = createBitcoinChain({ now: place.nowMs, firstBlocks: FIRST_BLOCKS });
  const expectedGenesis = present(chain.truth.blockAt(0), 'a chain has a first block').hash;
  const nodes = [1, 2, 3].map((number) => {
    const name = `node ${number} of 3`;
    return createMoodyNode(chain.openNode(name), random.fork(name));
  });
  const payments = createPayments(chain, treasury.scriptHex);
  const blocks = createBlocks(chain, {
    treasury,
    payments,
    confirmations: CONFIRMATIONS,
    nowMs: place.nowMs,
  });
  const assets: readonly Asset[] = [
    {
      network: 'BITCOIN_MAINNET',
      token: 'BTC',
      contract: null,
      decimals: DECIMALS,
      minimumUnits: 1_000n,
      payoutsEnabled: true,
    },
  ];
  return await Promise.resolve({
    network: 'BITCOIN_MAINNET',
    assets,
    nodes,
    blockMs,
    slowness: 4,
    catchUpMs: 0,
    openDriver: (driverPlace) =>
      createBitcoinDriver({
        expectedGenesis,
        signer: treasury.signer,
        assets,
        confirmations: CONFIRMATIONS,
        ...driverPlace,
      }),
    sentBy,
    summaryOf: (answer) => textOf(answer).slice(0, 120),
    dearMethods: DEAR_METHODS,
    troubles: (troublePlace) => createTroubles({ ...troublePlace, chain, nodes, blocks }),
    makeBlock: async (blockPlace) => await Promise.resolve(blocks.make(blockPlace)),
    breakFinality: async (blockPlace) => await Promise.resolve(blocks.breakFinality(blockPlace)),
    head: () => {
      const { height, hash } = chain.truth.tip();
      return { number: BigInt(height), hash };
    },
    finalNumber: () => BigInt(chain.truth.tip().height - CONFIRMATIONS + 1),
    holds: async ({ number, hash }) =>
      await Promise.resolve(chain.truth.blockAt(Number(number))?.hash === hash),
    payments: (since) => payments.since(Number(since)),
    createPayeeFinder: (db) => createTransactionFinder(db, LEDGER_SCALE),
    blocksOfProof,
    judgeSent: findSharedCoins,
    fund: (units) => {
      for (let coin = 0n; coin < COINS; coin += 1n) {
        chain.fund(treasury.scriptHex, units / COINS);
      }
    },
    orderUnits: { least: 2_000, most: 5_000_000 },
    addressOf: recipientOf,
    isSetUp: async () => await Promise.resolve(true),
    madeByHand: () => blocks.madeByHand(),
    calm: () => {
      blocks.calm();
      chain.setFeeEstimate(null);
    },
    answerFaults: () => {
      const { reorganisation: _, ...answers } = chain.faultCounts();
      return answers;
    },
  });
}

function textOf(answer: unknown): string {
  return (
    JSON.stringify(answer, (_, value: unknown) =>
      typeof value === 'bigint' ? value.toString() : value,
    ) ?? ''
  );
}

function sentBy(method: string, params: unknown): SentTransaction | null {
  if (method !== 'sendrawtransaction') return null;
  const [hex] = params as [string];
  const raw = Uint8Array.from(Buffer.from(hex, 'hex'));
  return { transactionHash: parseTransaction(raw).txid, raw };
}

/** Of each kind that can be paid, by turns. */
function recipientOf(hash: Uint8Array): string {
  const short = Buffer.from(hash.subarray(0, 20)).toString('hex');
  const scripts = [
    `0014${short}`,
    `5120${Buffer.from(schnorr.getPublicKey(hash)).toString('hex')}`,
    `76a914${short}88ac`,
    `a914${short}87`,
  ];
  const script = present(scripts[(hash[31] ?? 0) % scripts.length], 'there are four kinds');
  return present(addressOfScript(script), 'the script has an address');
}
