import {
  createPublicClient,
  createWalletClient,
  defineChain,
  http,
  type Chain,
  type Hex,
} from 'viem';
import type { PrivateKeyAccount } from 'viem/accounts';
import { createBatchPayer } from '../test/harness/batch-payer.ts';
import type { TestChain } from '../test/harness/chain.ts';
import { executeData } from '../test/harness/treasury-contract.ts';
import {
  FEES,
  fundedAccount,
  newTransfers,
  requirePaidOnce,
  transferData,
  until,
  untilFinal,
  type Transfer,
} from './transfer-world.ts';

/** Makes so many transfers final; gives how many a second. Throws where one is missing or wrong. */
export type MakeTransfers = (chain: TestChain, count: number) => Promise<number>;

const POLL_MS = 20;
const IN_FLIGHT = 32;
/** Above what a transfer to a fresh recipient uses. */
const TRANSFER_GAS = 70_000n;
/** The same for one item of a batch, and for what a batch costs beside its items. */
const ITEM_GAS = 33_000n;
const BATCH_GAS = 200_000n;
/** Of one item's call, as ours. */
const GAS_PER_ITEM = 60_000n;

/** One after another, each awaited until its block is there; all that viem finds out is left to it. */
export const payInLoop: MakeTransfers = async (chain, count) => {
  const account = await fundedAccount(chain, 'loop');
  const { wallet, client } = clientsOf(chain, account);
  return await timed({ chain, payer: account.address, count }, async (transfers) => {
    for (const transfer of transfers) {
      const hash = await wallet.sendTransaction({
        to: chain.tokens.USDT.address as Hex,
        data: transferData(transfer),
      });
      const receipt = await client.waitForTransactionReceipt({ hash, pollingInterval: POLL_MS });
      if (receipt.status !== 'success') throw new Error('a transfer of the loop failed');
    }
    await untilFinal(chain, account.address, await countOf(chain, account.address));
  });
};

/** One account that counts its own nonces, fixed gas and fees, so many answers awaited at once. */
export const payPipelined: MakeTransfers = async (chain, count) =>
  await payAhead(chain, count, async () => await Promise.resolve());

/** The same, but so many transactions at once that are in no block: public nodes keep few more of one account. */
export const payWindowed: MakeTransfers = async (chain, count) =>
  await payAhead(chain, count, async (account, nonce) => {
    await until(
      async () => (await countOf(chain, account.address)) > nonce,
      `the transaction ${nonce}`,
    );
  });

async function payAhead(
  chain: TestChain,
  count: number,
  settled: (account: PrivateKeyAccount, nonce: number) => Promise<void>,
): Promise<number> {
  const account = await fundedAccount(chain, 'pipelined');
  const { client } = clientsOf(chain, account);
  const first = await countOf(chain, account.address);
  return await timed({ chain, payer: account.address, count }, async (transfers) => {
    let next = 0;
    const sendTheNext = async (): Promise<void> => {
      for (let at = next++; at < transfers.length; at = next++) {
        const serializedTransaction = await account.signTransaction({
          ...FEES,
          type: 'eip1559',
          chainId: chain.chainId,
          nonce: first + at,
          gas: TRANSFER_GAS,
          to: chain.tokens.USDT.address as Hex,
          data: transferData(transfers[at] as Transfer),
        });
        await client.sendRawTransaction({ serializedTransaction });
        await settled(account, first + at);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, sendTheNext));
    await untilFinal(chain, account.address, first + count);
  });
}

let lastBatch = 0n;

/** Batches as ours, signed beforehand, sent by `lanes` accounts, each in order: what the chain takes. */
export function payWithSignedBatches(batchSize: number, lanes: number): MakeTransfers {
  return async (chain, count) => {
    const payer = await createBatchPayer(chain);
    const carriers: PrivateKeyAccount[] = [];
    for (let lane = 0; lane < lanes; lane += 1) {
      carriers.push(await fundedAccount(chain, `lane ${lane}`));
    }
    const transfers = newTransfers(count);
    const queues: Hex[][] = carriers.map(() => []);
    const firsts = await Promise.all(
      carriers.map(async ({ address }) => await countOf(chain, address)),
    );
    for (let at = 0; at * batchSize < count; at += 1) {
      const items = transfers.slice(at * batchSize, (at + 1) * batchSize);
      lastBatch += 1n;
      const batch = payer.batchOf({ batchId: lastBatch, gasPerItem: GAS_PER_ITEM, items });
      const lane = at % lanes;
      const queue = queues[lane] as Hex[];
      const raw = await (carriers[lane] as PrivateKeyAccount).signTransaction({
        ...FEES,
        type: 'eip1559',
        chainId: chain.chainId,
        nonce: (firsts[lane] ?? 0) + queue.length,
        gas: BATCH_GAS + ITEM_GAS * BigInt(items.length),
        to: payer.treasury,
        data: executeData(batch, await payer.sign(batch)),
      });
      queue.push(raw);
    }
    const from = performance.now();
    await Promise.all(
      queues.map(async (queue, lane) => {
        for (const raw of queue) await chain.rpc('eth_sendRawTransaction', raw);
        const { address } = carriers[lane] as PrivateKeyAccount;
        await untilFinal(chain, address, (firsts[lane] ?? 0) + queue.length);
      }),
    );
    const seconds = (performance.now() - from) / 1_000;
    await requirePaidOnce(chain, payer.treasury, transfers);
    return count / seconds;
  };
}

async function timed(
  about: { chain: TestChain; payer: string; count: number },
  pay: (transfers: readonly Transfer[]) => Promise<void>,
): Promise<number> {
  const transfers = newTransfers(about.count);
  const from = performance.now();
  await pay(transfers);
  const seconds = (performance.now() - from) / 1_000;
  await requirePaidOnce(about.chain, about.payer, transfers);
  return about.count / seconds;
}

function clientsOf(chain: TestChain, account: PrivateKeyAccount) {
  const transport = http(chain.rpcUrl);
  const about: Chain = defineChain({
    id: chain.chainId,
    name: chain.network,
    nativeCurrency: { name: 'Coin', symbol: 'COIN', decimals: 18 },
    rpcUrls: { default: { http: [chain.rpcUrl] } },
  });
  return {
    wallet: createWalletClient({ account, chain: about, transport }),
    client: createPublicClient({ chain: about, transport, pollingInterval: POLL_MS }),
  };
}

async function countOf(chain: TestChain, address: string): Promise<number> {
  return Number(await chain.rpc('eth_getTransactionCount', address, 'latest'));
}
