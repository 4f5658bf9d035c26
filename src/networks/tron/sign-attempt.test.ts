import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import { TronWeb, utils } from 'tronweb';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  openTronWorld,
  SOLID_BLOCKS,
  tronKey,
  UNIT,
  type TronWorld,
} from '../../../test/harness/tron-world.ts';
import { SigningPostponed, type SignedAttempt, type SigningOrder } from '../network.ts';
import { hexAddress } from './hex-address.ts';
import { readSigned, readTransfer } from './transfer-transaction.ts';

let world: TronWorld;
beforeAll(async () => {
  world = await openTronWorld();
});

function orderToSign(number: bigint, changes: Partial<SigningOrder> = {}): SigningOrder {
  return {
    orders: [world.order('payout', {})],
    number,
    plan: { feeLimitSun: 4_000_000n },
    lane: { sender: world.treasury, sequence: number },
    ...changes,
  };
}

function transferIn({ transaction }: SignedAttempt) {
  const signed = readSigned(transaction.rawTransaction);
  const transfer = signed === null ? null : readTransfer(signed.rawData);
  if (transfer === null) throw new Error('it is no transfer');
  return transfer;
}

describe('a signed attempt', () => {
  it('is one transfer of one payout, and its own fence', async () => {
    const signed = await world.driver.sign(orderToSign(7n));
    const [head, solidified] = [world.chain.truth.head(), world.chain.truth.solidified()];
    const expiration = head.timestampMs + 90_000;
    expect(transferIn(signed)).toEqual({
      owner: hexAddress(world.treasury),
      contract: hexAddress(world.chain.truth.tokenAddress('USDT')),
      to: hexAddress(tronKey(9).address),
      units: 5n * UNIT,
      reference: {
        bytes: solidified.blockId.slice(12, 16),
        hash: solidified.blockId.slice(16, 32),
      },
      expirationMs: BigInt(expiration),
      timestampMs: 1_767_225_600_007n,
      feeLimitSun: 4_000_000n,
    });
    const { transactionHash, rawTransaction } = signed.transaction;
    expect(signed).toEqual({
      fence: transactionHash,
      payer: world.treasury,
      authority: rawTransaction,
      authorityHash: transactionHash,
      validUntil: new Date(expiration),
      validUntilBlock: null,
      sinceBlock: BigInt(solidified.number + 1),
      payoutIds: ['payout'],
      transaction: {
        sender: world.treasury,
        sequence: 7n,
        transactionHash,
        rawTransaction,
        spends: [],
      },
    });
  });

  it('is signed as tronweb checks it, with v as java-tron has it', async () => {
    const { transaction } = await world.driver.sign(orderToSign(8n));
    const signed = readSigned(transaction.rawTransaction);
    const signature = bytesToHex(signed?.signature ?? new Uint8Array());
    expect(
      TronWeb.address.fromHex(utils.crypto.ecRecover(transaction.transactionHash, signature)),
    ).toBe(world.treasury);
    expect(['1b', '1c']).toContain(signature.slice(-2));
    const id = utils.crypto.SHA256([...(signed?.rawData ?? [])]);
    expect(bytesToHex(Uint8Array.from(id))).toBe(transaction.transactionHash);
  });

  it('has as many bytes as the bandwidth is reckoned with', async () => {
    const { transaction } = await world.driver.sign(orderToSign(9n));
    const highest = await world.driver.sign(
      orderToSign(10n ** 12n, { plan: { feeLimitSun: 50_000_000n } }),
    );
    expect(transaction.rawTransaction.length + 64).toBe(345);
    expect(highest.transaction.rawTransaction.length + 64).toBe(345);
  });

  it('lives as long as was set', async () => {
    const driver = world.driverWith({ lifetimeSeconds: 60n });
    const signed = await driver.sign(orderToSign(11n));
    const expected = new Date(world.chain.truth.head().timestampMs + 60_000);
    expect(signed.validUntil).toEqual(expected);
    expect(driver.limits.validForMs).toBe(120_000);
  });
});

describe('two attempts', () => {
  it('of one payout at one moment have two fences, and both are what was ordered', async () => {
    const [first, second] = [
      await world.driver.sign(orderToSign(20n)),
      await world.driver.sign(orderToSign(21n)),
    ];
    expect(first.fence).not.toBe(second.fence);
    expect({ ...transferIn(first), timestampMs: 0n }).toEqual({
      ...transferIn(second),
      timestampMs: 0n,
    });
  });

  it('never share an id, whatever their numbers', async () => {
    await fc.assert(
      fc.asyncProperty(fc.bigInt(0n, 2n ** 40n), fc.bigInt(0n, 2n ** 40n), async (a, b) => {
        fc.pre(a !== b);
        const [first, second] = [
          await world.driver.sign(orderToSign(a)),
          await world.driver.sign(orderToSign(b)),
        ];
        expect(first.fence).not.toBe(second.fence);
      }),
      { numRuns: 20 },
    );
  });

  it('with one number are the same bytes while the chain stands: signing twice is no second payment', async () => {
    const [first, second] = [
      await world.driver.sign(orderToSign(30n)),
      await world.driver.sign(orderToSign(30n)),
    ];
    expect(second.authority).toEqual(first.authority);
  });
});

describe('the chain takes', () => {
  it('both of two payouts of one amount to one address, and each once however often it is sent', async () => {
    const own = await openTronWorld();
    const [one, two] = ['a', 'b'].map((payoutId) => own.order(payoutId, {}));
    if (one === undefined || two === undefined) throw new Error('two orders');
    const first = await own.sign(one, 1n);
    const second = await own.sign(two, 2n);
    for (const { transaction } of [first, second, first, second]) {
      await own.driver.broadcast(transaction.rawTransaction);
    }
    await own.blocks(1);
    for (const { transaction } of [first, second]) {
      await own.driver.broadcast(transaction.rawTransaction);
    }
    await own.blocks(SOLID_BLOCKS + 1);
    const paid = own.chain.truth
      .transfersOf(own.chain.truth.tokenAddress('USDT'))
      .filter(({ to }) => to === tronKey(9).address);
    expect(paid.map(({ txid, units }) => [txid, units])).toEqual([
      [first.fence, 5n * UNIT],
      [second.fence, 5n * UNIT],
    ]);
  });

  it('a transaction that refers to a solidified block, after the newest were replaced', async () => {
    const own = await openTronWorld();
    const signed = await own.sign(own.order('a', {}), 1n);
    await own.chain.controls.reorganise({ blocks: 10, transactions: 'return', replace: true });
    expect(await own.driver.broadcast(signed.transaction.rawTransaction)).toEqual({
      kind: 'accepted',
    });
  });

  it('it until its expiration, and not after it', async () => {
    const own = await openTronWorld();
    const [early, late] = [
      await own.sign(own.order('a', {}), 1n),
      await own.sign(own.order('b', {}), 2n),
    ];
    await own.blocks(28);
    expect(await own.driver.broadcast(early.transaction.rawTransaction)).toEqual({
      kind: 'accepted',
    });
    await own.blocks(2);
    const { kind, ...answer } = await own.driver.broadcast(late.transaction.rawTransaction);
    expect(kind).toBe('look');
    expect(answer).toMatchObject({
      reason: expect.stringContaining('TRANSACTION_EXPIRATION_ERROR') as string,
    });
  });
});

describe('nothing is signed', () => {
  it.each([
    [
      'two payouts',
      () => ({ orders: [world.order('a', {}), world.order('b', {})] }),
      'pays one payout',
    ],
    ['no payout', () => ({ orders: [] }), 'pays one payout'],
    [
      'another sender',
      () => ({ lane: { sender: tronKey(2).address, sequence: 1n } }),
      'sends its transfers itself',
    ],
    ['another place', () => ({ lane: { sender: world.treasury, sequence: 2n } }), 'is its number'],
    ['a plan of another driver', () => ({ plan: { gasPerItem: 1n } }), 'has the fee limit'],
    ['a fee limit of zero', () => ({ plan: { feeLimitSun: 0n } }), 'out of range'],
    [
      'a fee limit above the ceiling',
      () => ({ plan: { feeLimitSun: 50_000_001n } }),
      'out of range',
    ],
    [
      'an asset of another network',
      () => ({ orders: [world.order('a', { asset: { ...world.usdt, network: 'BSC_MAINNET' } })] }),
      'not of TRON_MAINNET',
    ],
    [
      'an address of another network',
      () => ({ orders: [world.order('a', { toAddress: '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa' })] }),
      'not a Tron address',
    ],
    [
      'more than a word holds',
      () => ({ orders: [world.order('a', { units: 2n ** 256n })] }),
      'do not fit',
    ],
  ] as const)('for %s', async (_, changes, words) => {
    await expect(world.driver.sign(orderToSign(1n, changes()))).rejects.toThrow(words);
  });

  it('with a negative number', async () => {
    await expect(world.driver.sign(orderToSign(-1n))).rejects.toThrow('negative');
  });

  it('where the clock and the newest block are far apart', async () => {
    const secondsOff = (seconds: number) => ({
      ...world.clock,
      now: () => new Date(world.clock.now().getTime() + seconds * 1_000),
    });
    for (const seconds of [61, -61]) {
      const driver = world.driverWith({ clock: secondsOff(seconds) });
      await expect(driver.sign(orderToSign(1n))).rejects.toThrow(SigningPostponed);
    }
    for (const seconds of [60, -60]) {
      await world.driverWith({ clock: secondsOff(seconds) }).sign(orderToSign(1n));
    }
  });

  it('that could take effect later, by the clock, than settlement is told', async () => {
    const { limits } = world.driver;
    const early = {
      ...world.clock,
      now: () => new Date(world.chain.truth.head().timestampMs - 60_000),
    };
    const signed = await world.driverWith({ clock: early }).sign(orderToSign(1n));
    const lifeMs = (signed.validUntil?.getTime() ?? 0) - early.now().getTime();
    expect(lifeMs).toBe(limits.validForMs);
  });

  const { signer } = tronKey(1);
  it.each([
    [
      'of another key',
      async (digest: Uint8Array) => await tronKey(2).signer.sign(digest),
      'not signed by the owner',
    ],
    [
      'of another digest',
      async (digest: Uint8Array) => await signer.sign(digest.map((byte) => byte ^ 1)),
      'not signed by the owner',
    ],
    [
      'that is short',
      async (digest: Uint8Array) => (await signer.sign(digest)).subarray(0, 64),
      'malformed',
    ],
    [
      'with an unknown recovery id',
      async (digest: Uint8Array) =>
        Uint8Array.of(...(await signer.sign(digest)).subarray(0, 64), 27),
      'malformed',
    ],
    ['of zeros', async () => await Promise.resolve(new Uint8Array(65)), 'not signed by the owner'],
  ])('with a signature %s', async (_, sign, words) => {
    const driver = world.driverWith({ signer: { ...signer, sign } });
    await expect(driver.sign(orderToSign(1n))).rejects.toThrow(words);
  });

  it('on another curve', () => {
    expect(() => world.driverWith({ signer: { ...signer, curve: 'ed25519' } })).toThrow(
      'secp256k1',
    );
  });

  it('where no quorum shows the head', async () => {
    const own = await openTronWorld({ nodes: 3 });
    own.chain.openNode('node 1').set({ manners: 'silent' });
    const order = { ...orderToSign(1n), orders: [own.order('a', {})] };
    await own.driver.sign(order);
    own.chain.openNode('node 3').set({ manners: 'unavailable' });
    await expect(own.driver.sign(order)).rejects.toThrow('fewer nodes than a quorum');
  });
});

it('reads its bytes back from hex, as a database keeps them', async () => {
  const { authority } = await world.driver.sign(orderToSign(40n));
  expect(readSigned(hexToBytes(bytesToHex(authority)))).not.toBeNull();
});
