import { present } from '../../../src/base/assert.ts';
import { RpcFailure, RpcSilence } from '../../../src/networks/nodes/json-rpc.ts';
import { createTronDriver } from '../../../src/networks/tron/driver.ts';
import { addressOfPublicKey, base58Address } from '../../../src/networks/tron/hex-address.ts';
import { MOST_APART_MS } from '../../../src/networks/tron/sign-attempt.ts';
import type { Asset } from '../../../src/money/asset.ts';
import { base58Of, needAddress } from '../../../local-chains/tron/address.ts';
import { NodeTrouble } from '../../../local-chains/tron/node.ts';
import { createTronChain, type TronChain } from '../../../local-chains/tron/tron-chain.ts';
import { decodeTransaction } from '../../../local-chains/tron/transaction.ts';
import { blocksOfProof } from '../blocks-of-proof.ts';
import { createTransactionFinder, inPlaces } from '../payees-by-transaction.ts';
import type {
  NetworkPlace,
  Payment,
  SentTransaction,
  SimulatedNetwork,
  SimulatedNode,
} from '../simulated-network.ts';
import { createSimulatedSigner } from '../simulated-signer.ts';
import { createBlocks } from './blocks.ts';
import { createIssuer } from './issuer.ts';
import { createMoodyNode, type MoodyNode } from './moody-node.ts';
import { createTroubles, DEAR_PATHS } from './troubles.ts';

const DECIMALS = 6;
const LEDGER_SCALE = 10n ** 12n;
const SLOT_MS = 3_000;

/** Slots do not wait for the simulation: a little slower than them, and it is never behind. */
const BLOCK_MS = 3_200;

const MOST_SOLIDIFIED_AFTER_BLOCKS = 18;

/** Ten million TRX: fees are not what the treasury is short of. */
const MUCH_SUN = 10n ** 13n;

/** The local Tron chain (local-chains/tron) under the driver of src/networks/tron. */
export async function createTronNetwork(place: NetworkPlace): Promise<SimulatedNetwork> {
  const random = place.random.fork('tron');
  const signer = createSimulatedSigner(0);
  const treasury = base58Address(addressOfPublicKey(signer.publicKey));
  const chain = await createTronChain({
    now: place.nowMs,
    blockTimeMs: SLOT_MS,
    solidifiedAfterBlocks: random.between(4, MOST_SOLIDIFIED_AFTER_BLOCKS),
    accounts: [{ address: treasury, sun: MUCH_SUN }],
    tokens: [{ symbol: 'USDT' }, { symbol: 'USDC' }],
  });
  const lifetimeSeconds = BigInt(random.pick([30, 60, 90]));
  const expectedGenesis = present(chain.truth.block(0), 'a chain has a first block').blockId;
  const nodes = [1, 2, 3].map((number) => {
    const name = `node ${number} of 3`;
    return createMoodyNode(chain.openNode(name), random.fork(name));
  });
  const issuer = createIssuer(chain);
  const blocks = createBlocks(chain);
  const assets = (['USDT', 'USDC'] as const).map((token): Asset => ({
    network: 'TRON_MAINNET',
    token,
    contract: chain.truth.tokenAddress(token),
    decimals: DECIMALS,
    minimumUnits: 1n,
    payoutsEnabled: true,
  }));
  return {
    network: 'TRON_MAINNET',
    assets,
    nodes: nodes.map(reachable),
    blockMs: BLOCK_MS,
    slowness: 1,
    catchUpMs:
      Number(lifetimeSeconds) * 1_000 + MOST_APART_MS + MOST_SOLIDIFIED_AFTER_BLOCKS * BLOCK_MS,
    openDriver: (driverPlace) =>
      createTronDriver({ expectedGenesis, signer, assets, lifetimeSeconds, ...driverPlace }),
    sentBy,
    summaryOf: (answer) => (JSON.stringify(answer) ?? '').slice(0, 120),
    dearMethods: DEAR_PATHS,
    troubles: (troublePlace) => createTroubles({ ...troublePlace, chain, issuer, nodes, blocks }),
    makeBlock: async (blockPlace) => await blocks.make(blockPlace),
    breakFinality: async (blockPlace) => await blocks.breakFinality(blockPlace),
    head: () => referenceOf(chain.truth.head()),
    finalNumber: () => BigInt(chain.truth.solidified().number),
    holds: async ({ number, hash }) =>
      await Promise.resolve(chain.truth.block(Number(number))?.blockId === hash),
    payments: (since) => paymentsOf(chain, treasury, since),
    createPayeeFinder: (db) => createTransactionFinder(db, LEDGER_SCALE),
    blocksOfProof,
    judgeSent: async () => await Promise.resolve([]),
    fund: (units) => issuer.fund(treasury, units),
    orderUnits: { least: 10_000, most: 2_000_000_000 },
    addressOf: (hash) => base58Of(needAddress(`41${hexOf(hash.subarray(0, 20))}`)),
    isSetUp: async () => await Promise.resolve(true),
    madeByHand: () => [],
    calm: () => {
      issuer.calm();
      blocks.calm();
      chain.controls.setParameter('getEnergyFee', USUAL_ENERGY_FEE);
    },
    answerFaults: () => {
      const counts: Record<string, number> = {};
      for (const node of nodes) {
        for (const [kind, count] of Object.entries(node.struck())) {
          counts[kind] = (counts[kind] ?? 0) + count;
        }
      }
      return counts;
    },
  };
}

const USUAL_ENERGY_FEE = 100;

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function referenceOf(block: { number: number; blockId: string }): { number: bigint; hash: string } {
  return { number: BigInt(block.number), hash: block.blockId };
}

function sentBy(method: string, params: unknown): SentTransaction | null {
  if (method !== 'wallet/broadcasthex') return null;
  const { transaction } = params as { transaction: string };
  const raw = Buffer.from(transaction, 'hex');
  return { transactionHash: decodeTransaction(raw).txid, raw };
}

/** As the production endpoint reads what comes over HTTP. */
function reachable(node: MoodyNode): SimulatedNode {
  const { name } = node;
  return {
    label: name,
    request: async (path, body) => {
      const answer = await node.post(`/${path}`, body).catch((error: unknown) => {
        if (!(error instanceof NodeTrouble)) throw error;
        if (error.kind === 'silent') throw new RpcSilence(`${name}, ${path}: no answer`);
        throw new RpcFailure(`${name}, ${path}: ${error.kind}`);
      });
      const said = typeof answer === 'object' && answer !== null && 'Error' in answer;
      if (said) throw new RpcFailure(`${name}, ${path}: ${String(answer.Error)}`);
      return answer;
    },
    heal: () => node.heal(),
    isSilence: (error) => error instanceof RpcSilence,
  };
}

function paymentsOf(chain: TronChain, treasury: string, since: bigint): Payment[] {
  const all = (['USDT', 'USDC'] as const).flatMap((token) =>
    chain.truth
      .transfersOf(chain.truth.tokenAddress(token), Number(since))
      .filter(({ from }) => from === treasury)
      .map(({ to, units, txid, blockNumber, blockId }) => ({
        token,
        units,
        recipients: [to],
        transactionHash: txid,
        block: { number: BigInt(blockNumber), hash: blockId },
      })),
  );
  return inPlaces(all);
}
