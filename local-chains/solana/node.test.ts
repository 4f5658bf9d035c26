import { expect, test } from 'vitest';
import type { Json, SolanaFaultKind, SolanaLie } from './chain-interface.ts';
import { NodeSilence } from './rpc-error.ts';
import { openWorld, refusalOf, RECIPIENT } from './world-for-tests.ts';

const PROCESSED = { commitment: 'processed' };

test('a node lags by blocks, or stalls, in all that it says', async () => {
  const world = openWorld();
  const late = world.chain.openNode('late', { lagBlocks: 3 });
  const stuck = world.chain.openNode('stuck');
  stuck.stall();
  const signed = world.pay({ units: 5n });
  await world.send(signed);
  world.produce(3);
  const { height } = world.chain.head();
  expect(await late.request('getBlockHeight', [PROCESSED])).toBe(height - 3);
  const ask = async (node: typeof late): Promise<Json> =>
    await node.request('getSignatureStatuses', [[signed.signature]]);
  expect(await ask(late)).toMatchObject({ value: [null], context: { slot: height - 3 } });
  world.produce();
  expect(await ask(late)).toMatchObject({
    value: [{ err: null, confirmationStatus: 'processed' }],
  });
  expect(await ask(stuck)).toMatchObject({ value: [null] });
  stuck.heal();
  expect(await ask(stuck)).toMatchObject({ value: [{ err: null }] });
});

test('a node that admits to be behind passes no preflight', async () => {
  const world = openWorld();
  world.node.set({ admitsBehind: 42 });
  const answer = {
    code: -32_005,
    message: 'Node is behind by 42 slots',
    data: { numSlotsBehind: 42 },
  };
  expect(await refusalOf(world.ask('getHealth'))).toMatchObject(answer);
  expect(await refusalOf(world.send(world.pay({})))).toMatchObject(answer);
  expect(world.chain.pool()).toEqual([]);
  await world.send(world.pay({}), { skipPreflight: true });
  expect(world.chain.pool()).toHaveLength(1);
});

test('a node takes a transaction and never forwards it; another one still can', async () => {
  const world = openWorld();
  const mute = world.chain.openNode('mute', { forwards: 'never' });
  const signed = world.pay({});
  expect(await world.send(signed, {}, mute)).toBe(signed.signature);
  world.produce(5);
  expect(world.chain.transaction(signed.signature)).toBeNull();
  await world.send(signed);
  world.produce();
  expect(world.chain.transaction(signed.signature)).not.toBeNull();
});

test('a node forwards late: after some blocks, or for the last block', async () => {
  const world = openWorld();
  const { height } = world.chain.head();
  const [first, second] = [world.pay({ memo: '1' }), world.pay({ memo: '2' })];
  await world.send(first, {}, world.chain.openNode('slow', { forwards: 4 }));
  await world.send(second, {}, world.chain.openNode('slowest', { forwards: 'last' }));
  world.produce(4);
  expect(world.chain.transaction(first.signature)).toBeNull();
  world.produce();
  expect(world.chain.transaction(first.signature)).not.toBeNull();
  expect(world.chain.transaction(second.signature)).toBeNull();
  // Whoever sends it again at once brings it forward.
  const third = world.pay({ memo: '3' });
  await world.send(third, {}, world.chain.openNode('slowest'));
  await world.send(third);
  world.produce();
  expect(world.chain.transaction(third.signature)).not.toBeNull();
  while (world.chain.head().height < height + 150) world.produce();
  expect(world.chain.transaction(second.signature)).toBeNull();
  world.produce();
  expect(world.chain.transaction(second.signature)).not.toBeNull();
});

test('waiting transactions are dropped or held back by hand', async () => {
  const world = openWorld();
  const [first, second] = [world.pay({ memo: '1' }), world.pay({ memo: '2' })];
  await world.send(first);
  await world.send(second);
  world.chain.drop(first.signature);
  world.chain.holdBack(second.signature, 2);
  world.produce(2);
  expect(world.chain.transfersOf(world.mint)).toEqual([]);
  world.produce();
  expect(world.chain.transfersOf(world.mint)).toMatchObject([{ signature: second.signature }]);
});

const FAULTS: readonly (readonly [SolanaFaultKind, boolean])[] = [
  ['timeout', false],
  ['lost-answer', true],
  ['error', false],
  ['malformed', true],
  ['absent', true],
];

test.each(FAULTS)(
  'the fault %s strikes once; the transaction was taken: %s',
  async (kind, taken) => {
    const world = openWorld();
    const signed = world.pay({});
    world.node.failNext('sendTransaction', kind);
    const answer: unknown = await world.send(signed).catch((error: unknown) => error);
    expect(answer).not.toBe(signed.signature);
    expect(answer instanceof NodeSilence).toBe(kind === 'timeout' || kind === 'lost-answer');
    expect(world.chain.pool()).toHaveLength(taken ? 1 : 0);
    expect(await world.send(signed)).toBe(signed.signature);
    expect(world.chain.faultCounts()).toEqual({ [kind]: 1 });
    expect(world.node.asked()).toEqual({ sendTransaction: 2 });
  },
);

test('what is absent is null or empty', async () => {
  const world = openWorld();
  const signed = world.pay({});
  await world.send(signed);
  world.produce(20);
  for (const [method, params, expected] of [
    ['getTransaction', [signed.signature], null],
    ['getBlock', [1], null],
    ['getSignaturesForAddress', [world.payer.address], []],
    ['getSignatureStatuses', [[signed.signature]], { value: [null] }],
    ['getAccountInfo', [RECIPIENT, { encoding: 'base64' }], { value: null }],
    ['getMultipleAccounts', [[RECIPIENT]], { value: [null] }],
  ] as const) {
    const before = await world.node.request(method, params);
    expect(before, method).not.toBeNull();
    world.node.failNext(method, 'absent');
    const answer = await world.node.request(method, params);
    if (expected === null) expect(answer, method).toBeNull();
    else expect(answer, method).toMatchObject(expected);
  }
});

test('the newest blocks are not indexed yet, though their statuses are known', async () => {
  const world = openWorld({ finalizedAfterSlots: 4 });
  const signed = world.pay({});
  await world.send(signed);
  world.produce(8);
  const slot = world.chain.transaction(signed.signature)?.slot ?? 0;
  const behind = world.chain.head().slot - slot;
  const ask = async () => [
    await world.askValue('getSignatureStatuses', [signed.signature]),
    await world.ask('getTransaction', signed.signature),
    await world.ask('getSignaturesForAddress', world.payer.address, { limit: 1 }),
  ];
  world.node.set({ indexLagBlocks: behind + 1 });
  const [statuses, transaction, signatures] = await ask();
  expect(statuses).toMatchObject([{ confirmationStatus: 'finalized' }]);
  expect(transaction).toBeNull();
  expect(signatures).not.toMatchObject([{ signature: signed.signature }]);
  expect(await refusalOf(world.ask('getBlock', slot))).toMatchObject({ code: -32_014 });
  world.node.set({ indexLagBlocks: behind });
  expect(await ask()).toMatchObject([{}, { slot }, [{ signature: signed.signature }]]);
  expect(await world.ask('getBlock', slot)).toMatchObject({ blockHeight: slot });
});

test('behind a load balancer each answer may be of another state', async () => {
  let drawn = 0;
  const below = (limit: number): number => {
    drawn += 1;
    return drawn % limit;
  };
  const world = openWorld({ random: { below } });
  world.produce(10);
  world.node.set({ lagJitterBlocks: 2 });
  const heights: Json[] = [];
  for (let index = 0; index < 3; index += 1)
    heights.push(await world.ask('getBlockHeight', PROCESSED));
  const { height } = world.chain.head();
  expect(new Set(heights)).toEqual(new Set([height - 2, height - 1, height]));
});

test('each lie changes what it is about', async () => {
  const world = openWorld();
  const signed = world.pay({ units: 7n });
  await world.send(signed);
  world.produce(20);
  const place = world.chain.transfersOf(world.mint)[0]?.to.tokenAccount ?? '';
  const slot = world.chain.transaction(signed.signature)?.slot ?? 0;
  const statuses = ['getSignatureStatuses', [[signed.signature]]] as const;
  const lies: readonly (readonly [SolanaLie, string, readonly Json[], object])[] = [
    ['denies-statuses', ...statuses, { value: [null] }],
    ['claims-failed', ...statuses, { value: [{ err: { InstructionError: [0, { Custom: 1 }] } }] }],
    ['other-slots', ...statuses, { value: [{ slot: slot + 1 }] }],
    ['other-slots', 'getTransaction', [signed.signature], { slot: slot + 1 }],
    ['denies-transfers', 'getBlock', [slot], { transactions: [] }],
    ['denies-transfers', 'getSignaturesForAddress', [place], []],
    [
      'claims-expired',
      'isBlockhashValid',
      [world.chain.head().blockhash, PROCESSED],
      { value: false },
    ],
    ['other-balances', 'getTokenAccountBalance', [place], { value: { amount: '6' } }],
  ];
  for (const [lie, method, params, expected] of lies) {
    const liar = world.chain.openNode('liar', { lies: [lie] });
    expect(await world.node.request(method, params), lie).not.toMatchObject(expected);
    expect(await liar.request(method, params), lie).toMatchObject(expected);
  }
  const hashes = world.chain.openNode('liar', { lies: ['other-blockhashes', 'claims-expired'] });
  const latest = await hashes.request('getLatestBlockhash', [PROCESSED]);
  expect(latest).not.toMatchObject({ value: { blockhash: world.chain.head().blockhash } });
  expect(await hashes.request('getBlockHeight', [PROCESSED])).toBe(
    world.chain.head().height + 1_000,
  );
  const early = world.chain.openNode('liar', { lies: ['claims-finalized'] });
  const fresh = world.pay({ memo: 'fresh' });
  await world.send(fresh);
  world.produce();
  const answer = await early.request('getSignatureStatuses', [[fresh.signature]]);
  expect(answer).toMatchObject({ value: [{ confirmationStatus: 'finalized' }] });
});

test('rates need a source of chance, which alone decides', async () => {
  expect(() => openWorld().node.set({ perMille: { timeout: 1 } })).toThrow('source of chance');
  expect(() => openWorld().node.set({ lagJitterBlocks: 1 })).toThrow('source of chance');
  let draws = 0;
  const below = (limit: number): number => {
    draws += 1;
    return (draws * 271) % limit;
  };
  const world = openWorld({ random: { below } });
  expect(() => world.node.set({ perMille: { timeout: 600, error: 500 } })).toThrow('whole');
  world.node.set({ perMille: { timeout: 300, error: 200 } });
  for (let index = 0; index < 100; index += 1) await world.ask('getSlot').catch(() => null);
  const counts = world.chain.faultCounts();
  expect(counts['timeout']).toBeGreaterThan(20);
  expect(counts['error']).toBeGreaterThan(10);
});
