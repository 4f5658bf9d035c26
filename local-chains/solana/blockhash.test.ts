import { expect, test } from 'vitest';
import { openWorld, refusalOf } from './world-for-tests.ts';

// MAX_PROCESSING_AGE is 150, measured by a block's parent: the block above lastValidBlockHeight still
// takes it, and a node's preflight, which looks at its newest block, no longer lets it pass.

test('a blockhash serves up to the block above lastValidBlockHeight, and in none after it', async () => {
  for (const [extra, lands] of [
    [0, true],
    [1, false],
  ] as const) {
    const world = openWorld();
    const { chain } = world;
    const signed = world.pay({});
    const latest = await world.askValue('getLatestBlockhash', { commitment: 'processed' });
    const { height } = chain.head();
    expect(latest).toEqual({
      blockhash: chain.head().blockhash,
      lastValidBlockHeight: height + 150,
    });
    world.produce(150 + extra);
    await world.send(signed, { skipPreflight: true });
    world.produce();
    expect(chain.transaction(signed.signature) !== null).toBe(lands);
    if (lands) expect(chain.head().height).toBe(height + 151);
    expect(chain.pool()).toEqual([]);
  }
});

test('a node knows at each block whether a blockhash is valid, and its preflight agrees', async () => {
  const world = openWorld();
  const { blockhash } = world.chain.head();
  const commitment = { commitment: 'processed' };
  const [first, second] = [world.pay({ memo: '1' }), world.pay({ memo: '2' })];
  world.produce(150);
  expect(await world.askValue('isBlockhashValid', blockhash, commitment)).toBe(true);
  expect(await world.send(first)).toBe(first.signature);
  world.produce();
  expect(await world.askValue('isBlockhashValid', blockhash, commitment)).toBe(false);
  const refusal = await refusalOf(world.send(second));
  expect(refusal).toMatchObject({
    code: -32_002,
    message: 'Transaction simulation failed: Blockhash not found',
    data: { err: 'BlockhashNotFound', logs: [] },
  });
});

test('skipped slots do not age a blockhash', async () => {
  const world = openWorld();
  const signed = world.pay({});
  for (let index = 0; index < 50; index += 1) world.chain.produceBlock({ skip: 9 });
  expect(world.chain.slot()).toBeGreaterThan(500);
  await world.send(signed);
  world.produce();
  expect(world.chain.transaction(signed.signature)).toMatchObject({ error: null });
});

test('what is in a block is in no second one', async () => {
  const world = openWorld();
  const signed = world.pay({});
  await world.send(signed);
  await world.send(signed);
  expect(world.chain.pool()).toHaveLength(1);
  world.produce(2);
  const refusal = await refusalOf(world.send(signed));
  expect(refusal.message).toBe(
    'Transaction simulation failed: This transaction has already been processed',
  );
  expect(refusal.data).toMatchObject({ err: 'AlreadyProcessed' });
  // Without the preflight it is taken, as by a real node, and leads to nothing.
  await world.send(signed, { skipPreflight: true });
  world.produce(2);
  expect(world.chain.transfersOf(world.mint)).toHaveLength(1);
  expect(world.chain.pool()).toEqual([]);
});

test('a node that is on a fork of its own gives blockhashes that nobody else knows', async () => {
  const world = openWorld();
  world.produce(2);
  const paid = world.pay({ memo: 'in the newest block' });
  await world.send(paid);
  world.produce();
  const stray = world.chain.openNode('stray', { onStrayFork: true });
  const answer = await stray.request('getLatestBlockhash', [{ commitment: 'processed' }]);
  const { blockhash } = (answer as { value: { blockhash: string } }).value;
  expect(blockhash).not.toBe(world.chain.head().blockhash);
  const question = [[paid.signature]];
  expect(await stray.request('getSignatureStatuses', question)).toMatchObject({ value: [null] });
  const signed = world.pay({ blockhash });
  expect(await world.send(signed, {}, stray)).toBe(signed.signature);
  const refusal = await refusalOf(world.send(signed));
  expect(refusal.data).toMatchObject({ err: 'BlockhashNotFound' });
  world.produce(200);
  expect(world.chain.transaction(signed.signature)).toBeNull();
  // At a commitment above `processed` it says what all say.
  const confirmed = await stray.request('getLatestBlockhash', [{ commitment: 'confirmed' }]);
  expect(confirmed).toMatchObject({
    value: { blockhash: world.chain.head('confirmed').blockhash },
  });
});

test('a blockhash of a fork that was dropped is unknown from then on', async () => {
  const world = openWorld();
  world.produce(3);
  const signed = world.pay({});
  await world.send(signed);
  world.produce();
  expect(world.chain.transaction(signed.signature)).not.toBeNull();
  // The block that it was in goes, and with it the one whose hash it was signed with.
  world.chain.reorg({ depth: 2, transactions: 'return' });
  world.produce(160);
  expect(world.chain.transaction(signed.signature)).toBeNull();
  expect(world.chain.everTransferredOf(world.mint)).toMatchObject([{ canonical: false }]);
  expect(world.chain.transfersOf(world.mint)).toEqual([]);
});
