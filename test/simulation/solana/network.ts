import { ed25519 } from '@noble/curves/ed25519.js';
import { base58 } from '@scure/base';
import { RpcErrorAnswer, RpcSilence } from '../../../src/networks/nodes/json-rpc.ts';
import { createSolanaDriver } from '../../../src/networks/solana/driver.ts';
import type { Asset } from '../../../src/money/asset.ts';
import type { Signer } from '../../../src/networks/signer.ts';
import type {
  Json,
  SolanaChain,
  SolanaNode,
} from '../../../local-chains/solana/chain-interface.ts';
import { NodeSilence, RpcRefusal } from '../../../local-chains/solana/rpc-error.ts';
import { createSolanaChain } from '../../../local-chains/solana/solana-chain.ts';
import { blocksOfProof } from '../blocks-of-proof.ts';
import { createTransactionFinder, inPlaces } from '../payees-by-transaction.ts';
import type {
  NetworkPlace,
  Payment,
  SentTransaction,
  SimulatedNetwork,
  SimulatedNode,
} from '../simulated-network.ts';
import { simulatedSecret } from '../simulated-signer.ts';
import { createBlocks } from './blocks.ts';
import { createIssuer } from './issuer.ts';
import { createTroubles, DEAR_METHODS } from './troubles.ts';

const DECIMALS = 6;
const LEDGER_SCALE = 10n ** 12n;
const MUCH_LAMPORTS = 10n ** 14n;
const TOKENS = ['USDT', 'USDC'] as const;
const MOST_FINALIZED_AFTER_SLOTS = 32;

/** The local Solana chain (local-chains/solana) under the driver of src/networks/solana. */
export async function createSolanaNetwork(place: NetworkPlace): Promise<SimulatedNetwork> {
  const random = place.random.fork('solana');
  const signer = createSigner();
  const treasury = base58.encode(signer.publicKey);
  const blockMs = random.pick([400, 800]);
  const chain = createSolanaChain({
    now: place.nowMs,
    random: random.fork('chain'),
    seed: 'simulated',
    confirmedAfterSlots: random.between(1, 3),
    finalizedAfterSlots: random.between(6, MOST_FINALIZED_AFTER_SLOTS),
    statusCacheSlots: random.pick([20, 100, 300]),
  });
  chain.control.fund(treasury, MUCH_LAMPORTS);
  const nodes = [1, 2, 3].map((number) => chain.openNode(`node ${number} of 3`));
  const judge = chain.openNode('the node of the judge');
  const issuer = createIssuer(chain, treasury);
  if (random.chance(0.5)) issuer.openTreasury();
  const blocks = createBlocks(chain, issuer);
  const assets = TOKENS.map((token): Asset => ({
    network: 'SOL_MAINNET',
    token,
    contract: chain.tokens[token].address,
    decimals: DECIMALS,
    minimumUnits: 1n,
    payoutsEnabled: true,
  }));
  // 151 blocks, some of which come late, and a margin.
  const validForMs = 2 * 151 * blockMs;
  return await Promise.resolve({
    network: 'SOL_MAINNET',
    assets,
    nodes: nodes.map(reachable),
    blockMs,
    slowness: 1,
    catchUpMs: validForMs + MOST_FINALIZED_AFTER_SLOTS * blockMs,
    openDriver: (driverPlace) =>
      createSolanaDriver({
        network: 'SOL_MAINNET',
        expectedGenesis: chain.genesisHash,
        signer,
        assets,
        validForMs,
        ...driverPlace,
      }),
    sentBy,
    summaryOf: (answer) => (JSON.stringify(answer) ?? '').slice(0, 120),
    dearMethods: DEAR_METHODS,
    troubles: (troublePlace) => createTroubles({ ...troublePlace, chain, issuer, nodes }),
    makeBlock: async (blockPlace) => await Promise.resolve(blocks.make(blockPlace)),
    breakFinality: async (blockPlace) => await Promise.resolve(blocks.breakFinality(blockPlace)),
    head: () => ({ number: BigInt(chain.head().slot), hash: chain.head().blockhash }),
    finalNumber: () => BigInt(chain.head('finalized').slot),
    holds: async ({ number, hash }) => {
      const question = { commitment: 'confirmed', transactionDetails: 'none', rewards: false };
      const block = await judge.request('getBlock', [Number(number), question]).catch(() => null);
      return (block as { blockhash: string } | null)?.blockhash === hash;
    },
    payments: (since) => paymentsOf(chain, treasury, since),
    createPayeeFinder: (db) => createTransactionFinder(db, LEDGER_SCALE),
    blocksOfProof,
    judgeSent: async () => await Promise.resolve([]),
    fund: (units) => issuer.fund(units),
    orderUnits: { least: 10_000, most: 2_000_000_000 },
    addressOf: (hash) => base58.encode(ed25519.getPublicKey(hash)),
    isSetUp: async () => await Promise.resolve(issuer.isTreasuryOpen()),
    madeByHand: () => [],
    calm: () => {
      issuer.calm();
      blocks.calm();
    },
    answerFaults: () => {
      const { reorg: _, ...answers } = chain.faultCounts();
      return answers;
    },
  });
}

/** A key that is worth nothing: it signs for a chain in memory. */
function createSigner(): Signer {
  const secret = simulatedSecret(0);
  return {
    curve: 'ed25519',
    publicKey: ed25519.getPublicKey(secret),
    sign: async (message) => await Promise.resolve(ed25519.sign(message, secret)),
  };
}

const SIGNATURE_BYTES = 64;

/** One signature comes first, and its count before it. */
function sentBy(method: string, params: unknown): SentTransaction | null {
  if (method !== 'sendTransaction') return null;
  const [wire] = params as [string];
  const raw = Buffer.from(wire, 'base64');
  const transactionHash = base58.encode(Uint8Array.from(raw.subarray(1, 1 + SIGNATURE_BYTES)));
  return { transactionHash, raw };
}

/** As the production endpoint gives what comes over HTTP. */
function reachable(node: SolanaNode): SimulatedNode {
  const label = node.name;
  return {
    label,
    request: async (method, params) => {
      try {
        return await node.request(method, Array.isArray(params) ? (params as readonly Json[]) : []);
      } catch (error) {
        if (error instanceof NodeSilence) throw new RpcSilence(`${label}, ${method}: no answer`);
        if (!(error instanceof RpcRefusal)) throw error;
        const { code, message, data } = error;
        throw new RpcErrorAnswer(label, method, { code, message, data });
      }
    },
    heal: () => node.heal(),
    isSilence: (error) => error instanceof RpcSilence,
  };
}

function paymentsOf(chain: SolanaChain, treasury: string, since: bigint): Payment[] {
  const all = TOKENS.flatMap((token) =>
    chain
      .transfersOf(chain.tokens[token].address, { slot: Number(since) })
      .filter(({ from }) => from.owner === treasury)
      .map(({ to, units, signature, slot, blockhash }) => ({
        token,
        units,
        recipients: [to.owner, to.tokenAccount],
        transactionHash: signature,
        block: { number: BigInt(slot), hash: blockhash },
      })),
  );
  return inPlaces(all);
}
