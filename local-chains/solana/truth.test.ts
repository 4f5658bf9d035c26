import fc from 'fast-check';
import { expect, test } from 'vitest';
import { associatedTokenAddress, TOKEN_PROGRAM } from './address.ts';
import { RpcRefusal } from './rpc-error.ts';
import { createSigner, type Instruction } from './sign-transaction.ts';
import { openFor, openWorld, RECIPIENT, transferUnits } from './world-for-tests.ts';

test('transfers of every shape are found, and add up to the balances', async () => {
  const world = openWorld();
  const { payer, mint, chain } = world;
  const place = (owner: string) => associatedTokenAddress({ owner, mint, program: TOKEN_PROGRAM });
  const fresh = createSigner(new Uint8Array(32).fill(4)).address;
  const checked = (units: bigint, to = RECIPIENT): Instruction =>
    transferUnits({ from: payer.address, to, mint, units });
  const plainData = Buffer.alloc(9);
  plainData.writeUInt8(3, 0);
  plainData.writeBigUInt64LE(10n, 1);
  const plain: Instruction = {
    program: TOKEN_PROGRAM,
    accounts: [
      { address: place(payer.address), writable: true },
      { address: place(RECIPIENT), writable: true },
      { address: payer.address, signs: true },
    ],
    data: plainData,
  };
  const first = world.sign([checked(1n), plain, checked(1n)]);
  const second = world.sign([openFor(payer.address, fresh, mint), checked(100n, fresh)]);
  const failed = world.sign([checked(1_000n), checked(10n ** 12n)]);
  for (const signed of [first, second, failed]) await world.send(signed, { skipPreflight: true });
  world.produce();
  const transfers = chain.transfersOf(mint);
  expect(transfers.map((each) => [each.signature, each.instruction, each.units])).toEqual([
    [first.signature, 0, 1n],
    [first.signature, 1, 10n],
    [first.signature, 2, 1n],
    [second.signature, 1, 100n],
  ]);
  expect(transfers[3]).toMatchObject({
    mint,
    from: { owner: payer.address, tokenAccount: place(payer.address) },
    to: { owner: fresh, tokenAccount: place(fresh) },
    finalized: false,
  });
  expect(chain.unitsOf(mint, RECIPIENT)).toBe(12n);
  expect(chain.unitsOf(mint, fresh)).toBe(100n);
  expect(chain.unitsOf(mint, payer.address)).toBe(1_000_000_000n - 112n);
  expect(chain.transfersOf(chain.tokens.USDC.address)).toEqual([]);
  world.produce(20);
  expect(chain.transfersOf(mint).every(({ finalized }) => finalized)).toBe(true);
  const { slot } = transfers[0] ?? { slot: 0 };
  expect(chain.transfersOf(mint, { slot })).toHaveLength(4);
  expect(chain.transfersOf(mint, { slot: slot + 1 })).toEqual([]);
});

test("p-token's batch of instructions hides no transfer", async () => {
  const world = openWorld();
  const transfers = [3n, 4n].map((units) =>
    transferUnits({ from: world.payer.address, to: RECIPIENT, mint: world.mint, units }),
  );
  const data = Buffer.concat([
    Buffer.of(255),
    ...transfers.flatMap((each) => [Buffer.of(each.accounts.length, each.data.length), each.data]),
  ]);
  const accounts = transfers.flatMap((each) => each.accounts);
  await world.send(world.sign([{ program: TOKEN_PROGRAM, accounts, data }]));
  world.produce();
  expect(world.chain.unitsOf(world.mint, RECIPIENT)).toBe(7n);
  expect(world.chain.transfersOf(world.mint).map(({ units }) => units)).toEqual([3n, 4n]);
});

/** Where the instructions begin in a payment's message: behind the header, six accounts, the blockhash. */
const INSTRUCTIONS_AT = 4 + 6 * 32 + 32;

test('whatever is signed, the chain goes on and the transfers add up', async () => {
  const world = openWorld();
  const { chain, mint, payer } = world;
  const change = fc.record({ at: fc.nat(60), value: fc.oneof(fc.nat(8), fc.nat(255)) });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 2 }), fc.nat(50), async (changes, memo) => {
      const { wire } = world.pay({ units: 1n, memo: `${memo}` });
      const message = Buffer.from(wire, 'base64').subarray(65);
      for (const { at, value } of changes) {
        const position = INSTRUCTIONS_AT + (at % (message.length - INSTRUCTIONS_AT));
        message.writeUInt8(value, position);
      }
      const bytes = Buffer.concat([Buffer.of(1), payer.sign(message), message]);
      const signed = { wire: bytes.toString('base64'), signature: '' };
      const answer = await world
        .send(signed, { skipPreflight: true })
        .catch((error: unknown) => error);
      if (typeof answer !== 'string') expect(answer).toBeInstanceOf(RpcRefusal);
      const { height } = chain.head();
      world.produce();
      expect(chain.head().height).toBe(height + 1);
    }),
    { numRuns: 300, seed: 20 },
  );
  const transfers = chain.transfersOf(mint).filter(({ from, to }) => from.owner !== to.owner);
  const paid = transfers.reduce((sum, { units }) => sum + units, 0n);
  expect(transfers.length).toBeGreaterThan(50);
  expect(chain.unitsOf(mint, payer.address)).toBe(1_000_000_000n - paid);
  expect(chain.unitsOf(mint, RECIPIENT)).toBe(paid);
});

test('the same calls at the same times make the same chain, and a seed makes another', async () => {
  const live = async (seed: string) => {
    const world = openWorld({ seed, skipEvery: 7 });
    for (let index = 0; index < 30; index += 1) {
      await world.send(world.pay({ memo: `${index}` }));
      await world.ask('requestAirdrop', RECIPIENT, 1_000_000, { commitment: 'processed' });
      if (index % 3 === 0) world.produce();
      if (index % 10 === 9) world.chain.reorg({ depth: 2, transactions: 'return' });
    }
    world.produce(3);
    return [world.chain.head(), world.chain.genesisHash, world.chain.transfersOf(world.mint)];
  };
  const first = await live('a');
  expect(await live('a')).toEqual(first);
  const other = await live('b');
  expect(other[0]).not.toEqual(first[0]);
  expect(other[1]).not.toEqual(first[1]);
});
