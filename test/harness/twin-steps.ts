import { concat, type Hex } from 'viem';
import type { PrivateKeyAccount } from 'viem/accounts';
import { present } from '../../src/base/assert.ts';
import type { TestToken } from './chain.ts';
import {
  cancelData,
  executeData,
  signBatch,
  signCancellation,
  testKey,
  type Batch,
  type BatchItem,
} from './treasury-contract.ts';
import { viewData, type TwinChains } from './twin-chains.ts';

/** What may happen on twin chains: each step sends something to both, or changes a token on both. */

export const STRANGER = testKey(0x66);

/** What earlier steps have left, to be used again. */
export interface Past {
  /** Of every batch that was signed. */
  readonly calldata: Hex[];
  /** Raw transactions, mined or not. */
  readonly raws: Hex[];
  readonly batchIds: bigint[];
  readonly recipients: Hex[];
  nextBatchId: bigint;
  /** Tips differ, so that both chains put transactions in the same order. */
  nextTip: bigint;
}

export function createPast(): Past {
  const recipients = Array.from({ length: 10 }, (_, index) => recipientOf(index));
  return { calldata: [], raws: [], batchIds: [], recipients, nextBatchId: 250n, nextTip: 0n };
}

function recipientOf(index: number): Hex {
  return `0x${(0xfeed_0000 + index).toString(16).padStart(40, 'a')}`;
}

const GWEI = 10n ** 9n;
const TOKENS = ['USDT', 'USDC'] as const;

export interface Sending {
  readonly by?: PrivateKeyAccount;
  readonly to?: Hex;
  readonly data?: Hex;
  readonly value?: bigint;
  readonly gas?: bigint;
  readonly nonce?: number;
  readonly maxFeePerGas?: bigint;
  readonly maxPriorityFeePerGas?: bigint;
  readonly chainId?: number;
}

/** Signs a type 2 transaction, of a lane where nobody is named, and sends it to both. */
export async function send(twins: TwinChains, past: Past, sending: Sending): Promise<Hex> {
  const by = sending.by ?? twins.random.pick(twins.lanes);
  const nonce = sending.nonce ?? (await countOf(twins, by.address));
  past.nextTip += 1_000n;
  const raw = await by.signTransaction({
    type: 'eip1559',
    chainId: sending.chainId ?? twins.chainId,
    nonce,
    to: sending.to ?? twins.treasury.address,
    data: sending.data ?? '0x',
    value: sending.value ?? 0n,
    gas: sending.gas ?? 2_000_000n,
    maxFeePerGas: sending.maxFeePerGas ?? 20n * GWEI - past.nextTip,
    maxPriorityFeePerGas: sending.maxPriorityFeePerGas ?? 2n * GWEI - past.nextTip,
  });
  past.raws.push(raw);
  await twins.send(raw);
  return raw;
}

async function countOf(twins: TwinChains, address: Hex): Promise<number> {
  return Number(await twins.same('eth_getTransactionCount', address, 'pending'));
}

/** A batch of one to eight items, most of them good. */
function batchOf(twins: TwinChains, past: Past, changes: Partial<Batch> = {}): Batch {
  const { random } = twins;
  const batchId = past.nextBatchId;
  past.nextBatchId += BigInt(random.between(1, 3));
  past.batchIds.push(batchId);
  const items = Array.from({ length: random.between(1, 8) }, (): BatchItem => {
    const units = random.chance(0.1) ? 10n ** 15n : BigInt(random.between(0, 5_000));
    if (random.chance(0.1)) return { to: `0x${'0'.repeat(40)}`, units };
    if (random.chance(0.05)) return { to: twins.treasury.address, units };
    return { to: random.pick(past.recipients), units };
  });
  const token = twins.tokens[random.pick(TOKENS)];
  return { batchId, deadline: 2n ** 40n, token, gasPerItem: 100_000n, items, ...changes };
}

async function signedCall(
  twins: TwinChains,
  past: Past,
  batch: Batch,
  key: PrivateKeyAccount = twins.treasury,
): Promise<Hex> {
  const place = { chainId: twins.chainId, treasury: twins.treasury.address };
  const data = executeData(batch, await signBatch(key, batch, place));
  past.calldata.push(data);
  return data;
}

/** Sends a batch with changes, signed as it is or as told. */
async function sendBatch(
  twins: TwinChains,
  past: Past,
  how: { changes?: Partial<Batch>; key?: PrivateKeyAccount; sending?: Sending } = {},
): Promise<void> {
  const data = await signedCall(twins, past, batchOf(twins, past, how.changes), how.key);
  await send(twins, past, { ...how.sending, data });
}

export type Step = (twins: TwinChains, past: Past) => Promise<void>;

/** Steps that leave transactions in the pools; a few of them make a block. */
export const SENDING_STEPS: Readonly<Record<string, Step>> = {
  'a batch': async (twins, past) => await sendBatch(twins, past),
  'another batch': async (twins, past) => await sendBatch(twins, past),
  'a replay': async (twins, past) => {
    if (past.calldata.length === 0) return;
    await send(twins, past, { data: twins.random.pick(past.calldata) });
  },
  'a batch of an id before': async (twins, past) => {
    if (past.batchIds.length === 0) return;
    await sendBatch(twins, past, { changes: { batchId: twins.random.pick(past.batchIds) } });
  },
  'a deadline that may have passed': async (twins, past) => {
    const deadline = twins.nextTime() + BigInt(twins.random.between(-3, 9));
    await sendBatch(twins, past, { changes: { deadline } });
  },
  'another key': async (twins, past) => await sendBatch(twins, past, { key: STRANGER }),
  'another treasury': async (twins, past) => {
    const batch = batchOf(twins, past);
    const place = { chainId: twins.chainId, treasury: twins.implementation };
    const signature = await signBatch(twins.treasury, batch, place);
    const to = twins.random.pick([twins.implementation, twins.treasury.address]);
    await send(twins, past, { to, data: executeData(batch, signature) });
  },
  'a high s': async (twins, past) => {
    const batch = batchOf(twins, past);
    const place = { chainId: twins.chainId, treasury: twins.treasury.address };
    const { r } = await signBatch(twins.treasury, batch, place);
    await send(twins, past, {
      data: executeData(batch, { r, yParityAndS: `0x7f${'f'.repeat(61)}1` }),
    });
  },
  'no items': async (twins, past) => await sendBatch(twins, past, { changes: { items: [] } }),
  'no token': async (twins, past) => {
    const token = twins.random.pick([...past.recipients, twins.treasury.address]);
    await sendBatch(twins, past, { changes: { token } });
  },
  'little gas for an item': async (twins, past) => {
    const gasPerItem = BigInt(twins.random.pick([0, 1_000, 24_000]));
    await sendBatch(twins, past, { changes: { gasPerItem } });
  },
  'little gas for the batch': async (twins, past) => {
    const items = past.recipients.slice(0, 3).map((to) => ({ to, units: 1n }));
    const gas = BigInt(twins.random.pick([60_000, 120_000, 160_000]));
    await sendBatch(twins, past, { changes: { items }, sending: { gas } });
  },
  'more gas for an item than there is': async (twins, past) => {
    await sendBatch(twins, past, { changes: { gasPerItem: 2n ** 256n - 1n } });
  },
  'broken calldata': async (twins, past) => {
    const data = await signedCall(twins, past, batchOf(twins, past));
    past.calldata.pop();
    const broken = twins.random.pick([
      data.slice(0, -2) as Hex,
      data.slice(0, 300) as Hex,
      concat([data, '0x00ff']),
      concat(['0x96932e81', `0x${data.slice(10)}`]),
      `${data.slice(0, 138)}ff${data.slice(140)}` as Hex,
      `${data.slice(0, 266)}ff${data.slice(268)}` as Hex,
    ]);
    await send(twins, past, { data: broken });
  },
  'coins with a batch': async (twins, past) => {
    await sendBatch(twins, past, { sending: { value: 1n } });
  },
  'a cancellation': async (twins, past) => {
    const fresh = past.nextBatchId;
    past.nextBatchId += 1n;
    past.batchIds.push(fresh);
    const batchId = twins.random.pick([fresh, fresh, ...past.batchIds.slice(-3)]);
    const place = { chainId: twins.chainId, treasury: twins.treasury.address };
    const key = twins.random.chance(0.2) ? STRANGER : twins.treasury;
    await send(twins, past, {
      data: cancelData(batchId, await signCancellation(key, batchId, place)),
    });
  },
  coins: async (twins, past) => {
    const to = twins.random.pick([
      ...past.recipients.slice(0, 2),
      twins.treasury.address,
      twins.implementation,
      twins.tokens.USDT,
      twins.tokens.USDC,
    ]);
    await send(twins, past, { to, value: BigInt(twins.random.between(1, 1_000)) });
  },
  'a transfer by a lane': async (twins, past) => {
    const to = twins.tokens[twins.random.pick(TOKENS)];
    const target = twins.random.pick(past.recipients);
    const units = twins.random.chance(0.2) ? 10n ** 15n : BigInt(twins.random.between(0, 9));
    await send(twins, past, { to, data: viewData('transfer', target, units), gas: 120_000n });
  },
  'a function that is not there': async (twins, past) => {
    await send(twins, past, { to: twins.tokens[twins.random.pick(TOKENS)], data: '0x12345678' });
  },
  'the same bytes': async (twins, past) => {
    if (past.raws.length > 0) await twins.send(present(past.raws.at(-1), 'bytes were sent'));
  },
  'old bytes': async (twins, past) => {
    const old = past.raws.slice(0, -40);
    if (old.length > 0) await twins.send(twins.random.pick(old));
  },
  'too cheap a replacement': async (twins, past) => await replace(twins, past, 100n),
  'a replacement': async (twins, past) => await replace(twins, past, 113n),
  'what is no transaction': async (twins, past) => {
    const raw = past.raws.at(-1);
    if (raw === undefined) return;
    const flip = raw.slice(0, -1) + (raw.endsWith('0') ? '1' : '0');
    await twins.send(twins.random.pick(['0x05', '0x02c0', raw.slice(0, -2) as Hex]));
    // Another signature is another sender, who has nothing.
    await twins.send(flip as Hex);
  },
  'what a pool refuses': async (twins, past) => {
    const poor = testKey(0x77);
    const lane = present(twins.lanes[0], 'there is a lane');
    const nonce = await countOf(twins, lane.address);
    const refused: readonly Sending[] = [
      { by: poor, nonce: 0 },
      { by: lane, nonce, chainId: 137 },
      { by: lane, nonce, gas: 20_000n },
      { by: lane, nonce, gas: 16_777_217n },
      { by: lane, nonce: 0 },
      { by: lane, nonce, value: 10n ** 30n },
    ];
    await send(twins, past, twins.random.pick(refused));
    past.raws.pop();
  },
};

/** The same nonce twice, the second at so many percent of the first one's fees. */
async function replace(twins: TwinChains, past: Past, percent: bigint): Promise<void> {
  const by = twins.random.pick(twins.lanes);
  const nonce = await countOf(twins, by.address);
  const to = present(past.recipients[0], 'there are recipients');
  const fees = { maxFeePerGas: 4n * GWEI, maxPriorityFeePerGas: GWEI };
  await send(twins, past, { by, nonce, to, value: 1n, gas: 30_000n, ...fees });
  await send(twins, past, {
    by,
    nonce,
    to,
    value: 2n,
    gas: 30_000n,
    maxFeePerGas: (fees.maxFeePerGas * percent) / 100n,
    maxPriorityFeePerGas: (fees.maxPriorityFeePerGas * percent) / 100n,
  });
}

/** Steps that are a block of their own, on empty pools. */
export const BLOCK_STEPS: Readonly<Record<string, Step>> = {
  'a blacklisting': async (twins, past) => {
    const token = twins.random.pick(TOKENS);
    const address = twins.random.pick([...past.recipients.slice(0, 3), twins.treasury.address]);
    const listed = twins.random.chance(0.5);
    await twins.mine({
      onReal: async () => await twins.real.setBlacklisted(token, address, listed),
      onModel: () => twins.model.setBlacklisted(token, address, listed),
    });
  },
  'a pause': async (twins) => {
    const token: TestToken = twins.random.pick(TOKENS);
    for (const paused of [true, false]) {
      await twins.mine({
        onReal: async () => await twins.real.pauseToken(token, paused),
        onModel: () => twins.model.setPaused(token, paused),
      });
      const past = createPast();
      past.nextBatchId = 10_000n + twins.nextTime();
      if (paused) {
        await sendBatch(twins, past, { changes: { token: twins.tokens[token] } });
        await twins.mine();
      }
    }
  },
  'a fee': async (twins) => {
    const [basisPoints, whole] = [twins.random.pick([0, 0, 10]), twins.random.between(0, 3)];
    await twins.mine({
      onReal: async () => await twins.real.setFee(basisPoints, whole),
      onModel: () => twins.model.setFee(BigInt(basisPoints), BigInt(whole)),
    });
  },
  'another delegation': async (twins, past) => {
    const nonce = await countOf(twins, twins.treasury.address);
    const address = twins.random.pick([
      twins.implementation,
      `0x${'0'.repeat(40)}` as const,
      twins.tokens.USDC,
    ]);
    // The first is at another nonce than the account's, so it is passed over.
    const wrong = { address, nonce: nonce + 1 };
    await delegate(twins, past, wrong);
    await delegate(twins, past, { address, nonce });
    await sendBatch(twins, past);
    await twins.mine();
    const again = await countOf(twins, twins.treasury.address);
    await delegate(twins, past, { address: twins.implementation, nonce: again });
    await twins.mine();
  },
};

async function delegate(
  twins: TwinChains,
  past: Past,
  { address, nonce }: { address: Hex; nonce: number },
): Promise<void> {
  const by = twins.random.pick(twins.lanes);
  const chainId = twins.random.pick([twins.chainId, twins.chainId, 0]);
  const authorization = await twins.treasury.signAuthorization({ address, chainId, nonce });
  past.nextTip += 1_000n;
  const raw = await by.signTransaction({
    type: 'eip7702',
    chainId: twins.chainId,
    nonce: await countOf(twins, by.address),
    to: by.address,
    gas: 200_000n,
    maxFeePerGas: 20n * GWEI - past.nextTip,
    maxPriorityFeePerGas: 2n * GWEI - past.nextTip,
    authorizationList: [authorization],
  });
  await twins.send(raw);
  await twins.mine();
}
