import { expect, test } from 'vitest';
import { MEMO_PROGRAM } from './address.ts';
import type { Json } from './chain-interface.ts';
import { openWorld, refusalOf, RECIPIENT, type SolanaWorld } from './world-for-tests.ts';

const HISTORY = { searchTransactionHistory: true };

async function statusOf(world: SolanaWorld, signature: string, config: Json = {}): Promise<Json> {
  const statuses = (await world.askValue('getSignatureStatuses', [signature], config)) as Json[];
  return statuses[0] ?? null;
}

test('a transaction is processed, then confirmed, then finalized, by slots', async () => {
  const world = openWorld({ confirmedAfterSlots: 2, finalizedAfterSlots: 5 });
  const signed = world.pay({});
  await world.send(signed);
  expect(await statusOf(world, signed.signature)).toBeNull();
  const seen: Json[] = [];
  for (let index = 0; index < 6; index += 1) {
    world.produce();
    const status = (await statusOf(world, signed.signature)) as { [name: string]: Json };
    seen.push([status['confirmationStatus'] ?? null, status['confirmations'] ?? null]);
  }
  expect(seen).toEqual([
    ['processed', 0],
    ['processed', 1],
    ['confirmed', 2],
    ['confirmed', 3],
    ['confirmed', 4],
    ['finalized', null],
  ]);
});

test('the status cache forgets; the history does not, but knows only what is final', async () => {
  const world = openWorld({ statusCacheSlots: 20, finalizedAfterSlots: 8 });
  const signed = world.pay({});
  await world.send(signed);
  world.produce(20 + 8);
  expect(await statusOf(world, signed.signature)).not.toBeNull();
  world.produce();
  expect(await statusOf(world, signed.signature)).toBeNull();
  const full = await statusOf(world, signed.signature, HISTORY);
  expect(full).toMatchObject({ confirmationStatus: 'finalized', confirmations: null, err: null });

  const forgetful = world.chain.openNode('forgetful', { history: 'cache' });
  const lie = await forgetful.request('getSignatureStatuses', [[signed.signature], HISTORY]);
  expect(lie).toMatchObject({ value: [null] });
  expect(await forgetful.request('getTransaction', [signed.signature])).toBeNull();
  const bare = world.chain.openNode('bare', { history: 'refuses' });
  for (const [method, ...params] of [
    ['getSignatureStatuses', [signed.signature], HISTORY],
    ['getTransaction', signed.signature],
    ['getBlock', 1],
    ['getSignaturesForAddress', RECIPIENT],
  ] as const) {
    expect(await refusalOf(bare.request(method, params))).toMatchObject({ code: -32_011 });
  }
});

test('a restarted node has an empty status cache', async () => {
  const world = openWorld();
  const signed = world.pay({});
  await world.send(signed);
  world.produce(3);
  const restarted = world.chain.openNode('restarted', { emptyStatusCache: true });
  for (const config of [{}, HISTORY]) {
    // Not final yet, so the history has nothing to say either.
    const answer = await restarted.request('getSignatureStatuses', [[signed.signature], config]);
    expect(answer).toMatchObject({ value: [null] });
  }
  world.produce(10);
  const answer = await restarted.request('getSignatureStatuses', [[signed.signature], HISTORY]);
  expect(answer).toMatchObject({ value: [{ confirmationStatus: 'finalized' }] });
});

test('a slot without a block is refused by its own number, once it is final', async () => {
  const world = openWorld({ finalizedAfterSlots: 4 });
  world.produce();
  world.chain.produceBlock({ skip: 1 });
  const skipped = world.chain.slot() - 1;
  const ask = async (): Promise<number> =>
    (await refusalOf(world.ask('getBlock', skipped, { commitment: 'confirmed' }))).code;
  expect(await ask()).toBe(-32_004);
  world.produce(6);
  expect(await ask()).toBe(-32_007);
  world.node.set({ longTermStorage: true });
  expect(await ask()).toBe(-32_009);
  world.node.heal();
  expect(await refusalOf(world.ask('getBlockTime', skipped))).toMatchObject({ code: -32_007 });
  const ahead = await refusalOf(world.ask('getBlock', world.chain.slot() + 9));
  expect(ahead).toMatchObject({ code: -32_004 });
  const slots = (await world.ask('getBlocks', skipped - 1, skipped + 1)) as number[];
  expect(slots).toEqual([skipped - 1, skipped + 1]);
  // Heights count blocks, slots time.
  expect(world.chain.head().height).toBe(world.chain.slot() - 1);
  expect(await world.ask('getBlocksWithLimit', skipped, 1)).toEqual([skipped + 1]);
});

test('slots are skipped of their own accord', () => {
  const world = openWorld({ skipEvery: 5 });
  world.produce(20);
  expect(world.chain.slot()).toBe(26);
  expect(world.chain.head().height).toBe(21);
});

test('a node that keeps only the newest slots names the first that it has', async () => {
  const world = openWorld({ finalizedAfterSlots: 4 });
  const signed = world.pay({});
  await world.send(signed);
  world.produce(40);
  world.node.set({ history: 20 });
  const refusal = await refusalOf(world.ask('getBlock', 3));
  expect(refusal).toMatchObject({ code: -32_001 });
  expect(refusal.message).toContain(`First available block: ${world.chain.slot() - 20}`);
  expect(await world.ask('getFirstAvailableBlock')).toBe(world.chain.slot() - 20);
  expect(await world.ask('getTransaction', signed.signature)).toBeNull();
});

test('signatures of an address come newest first, between two of them', async () => {
  const world = openWorld();
  const sent: string[] = [];
  for (let index = 0; index < 7; index += 1) {
    const signed = world.pay({ memo: `${index}` });
    sent.unshift(signed.signature);
    await world.send(signed);
    if (index % 2 === 1) world.produce();
  }
  world.produce(20);
  const ask = async (config: { readonly [name: string]: Json }): Promise<unknown[]> => {
    const place = world.chain.transfersOf(world.mint)[0]?.to.tokenAccount ?? '';
    const infos = await world.ask('getSignaturesForAddress', place, config);
    return (infos as readonly { signature: string }[]).map(({ signature }) => signature);
  };
  const [newest = '', second = '', third = '', fourth = ''] = sent;
  expect((await ask({})).slice(0, 7)).toEqual(sent);
  expect(await ask({ limit: 3 })).toEqual(sent.slice(0, 3));
  expect(await ask({ before: second, until: fourth })).toEqual([third]);
  expect(await ask({ before: newest, limit: 2 })).toEqual([second, third]);
  // The signature of nothing: a validator knows nothing before it.
  const unknown = world.pay({ memo: 'never sent' }).signature;
  expect(await ask({ before: unknown })).toEqual([]);
  expect((await ask({ until: unknown })).slice(0, 7)).toEqual(sent);
});

test('an answer that would be of a slot before minContextSlot is refused', async () => {
  const world = openWorld();
  world.produce(20);
  const { slot } = world.chain.head();
  const finalized = world.chain.head('finalized').slot;
  const context = { commitment: 'processed', minContextSlot: slot };
  expect(await world.ask('getSlot', context)).toBe(slot);
  const next = { ...context, minContextSlot: slot + 1 };
  expect(await refusalOf(world.ask('getSlot', next))).toMatchObject({ code: -32_016 });
  for (const [method, ...params] of [
    ['getSlot'],
    ['getBlockHeight'],
    ['getLatestBlockhash'],
    ['getBalance', RECIPIENT],
    ['getAccountInfo', RECIPIENT],
    ['getSignaturesForAddress', RECIPIENT],
  ] as const) {
    const refusal = await refusalOf(world.ask(method, ...params, { minContextSlot: slot }));
    expect(refusal).toMatchObject({ code: -32_016, data: { contextSlot: finalized } });
  }
});

test('methods about blocks do not serve what is only processed', async () => {
  const world = openWorld();
  const processed = { commitment: 'processed' };
  for (const [method, ...params] of [
    ['getBlock', 1],
    ['getBlocks', 1, 2],
    ['getTransaction', world.pay({}).signature],
    ['getSignaturesForAddress', RECIPIENT],
  ] as const) {
    const refusal = await refusalOf(world.ask(method, ...params, processed));
    expect(refusal.message).toBe('Method does not support commitment below `confirmed`');
  }
});

test('version 0 is read, and no other above it', async () => {
  const world = openWorld();
  const { wire } = world.pay({});
  const legacy = Buffer.from(wire, 'base64');
  // The same message as version 0: a prefix, and no look-up tables at the end. Nobody
  // has signed that, which a simulation does not mind.
  const bytes = Buffer.concat([
    legacy.subarray(0, 65),
    Buffer.of(0x80),
    legacy.subarray(65),
    Buffer.of(0),
  ]);
  const simulated = await world.askValue('simulateTransaction', bytes.toString('base64'), {
    encoding: 'base64',
    commitment: 'processed',
  });
  expect(simulated).toMatchObject({ err: null });
  const unknown = Buffer.concat([legacy.subarray(0, 65), Buffer.of(0x82), legacy.subarray(65)]);
  const refusal = await refusalOf(
    world.ask('sendTransaction', unknown.toString('base64'), { encoding: 'base64' }),
  );
  expect(refusal).toMatchObject({ code: -32_602 });
  expect(refusal.message).toContain('failed to deserialize');
});

test('memos are shown with their length in bytes', async () => {
  const world = openWorld();
  const signed = world.sign([
    { program: MEMO_PROGRAM, accounts: [], data: Buffer.from('überweisung', 'utf8') },
  ]);
  await world.send(signed);
  world.produce(10);
  const [info] = (await world.ask('getSignaturesForAddress', world.payer.address)) as [Json];
  expect(info).toMatchObject({ signature: signed.signature, memo: '[12] überweisung' });
});
