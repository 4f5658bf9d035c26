import { ed25519 } from '@noble/curves/ed25519.js';
import { base58 } from '@scure/base';
import {
  assertIsFullySignedTransaction,
  decompileTransactionMessage,
  getBase58Decoder,
  getCompiledTransactionMessageDecoder,
  getTransactionDecoder,
  getTransactionEncoder,
} from '@solana/kit';
import { parseTransferCheckedInstruction } from '@solana-program/token';
import { describe, expect, it } from 'vitest';
import { createSolanaWorld, keySigner, wallet } from '../../../test/harness/solana-world.ts';
import { present } from '../../base/assert.ts';
import { createSolanaDriver } from './driver.ts';
import { readPayoutMessage } from './payout-message.ts';

describe('a signed attempt', () => {
  it('is a transaction that an independent library takes for what was ordered', async () => {
    const world = createSolanaWorld();
    const own = wallet('token account made with a key');
    world.chain.control.openTokenAccount(world.chain.tokens.USDT.address, wallet('direct'));
    world.finalize();
    const direct = world.tokenAccount(wallet('direct'));
    const orders = [world.order(), world.order({ toAddress: direct })];
    const signed = await world.sign(...orders);
    const { rawTransaction } = signed.transaction;
    const decoded = getTransactionDecoder().decode(rawTransaction);
    assertIsFullySignedTransaction(decoded);
    expect(Uint8Array.from(getTransactionEncoder().encode(decoded))).toEqual(rawTransaction);
    const signature = present(decoded.signatures[world.treasury as never], 'it is the treasury’s');
    expect(getBase58Decoder().decode(signature)).toBe(signed.fence);
    const message = decompileTransactionMessage(
      getCompiledTransactionMessageDecoder().decode(decoded.messageBytes),
    );
    expect(message.feePayer.address).toBe(world.treasury);
    const [limit, price, open, pay, note, payDirect, noteDirect, ...rest] = message.instructions;
    expect(rest).toEqual([]);
    expect([limit, price].map((it) => it?.programAddress)).toEqual(
      Array.from({ length: 2 }, () => 'ComputeBudget111111111111111111111111111111'),
    );
    expect(open?.accounts?.[2]?.address).toBe(orders[0]?.toAddress);
    for (const [instruction, order, destination] of [
      [pay, orders[0], world.tokenAccount(orders[0]?.toAddress ?? '')],
      [payDirect, orders[1], direct],
    ] as const) {
      const parsed = parseTransferCheckedInstruction(
        instruction as Parameters<typeof parseTransferCheckedInstruction>[0],
      );
      expect(parsed.data.amount).toBe(order?.units);
      expect(parsed.accounts.destination.address).toBe(destination);
    }
    expect(Buffer.from(note?.data ?? []).toString()).toBe(orders[0]?.payoutId);
    expect(Buffer.from(noteDirect?.data ?? []).toString()).toBe(
      `${orders[1]?.payoutId ?? ''} to this token account`,
    );
    expect(own).not.toBe(direct);
  });

  it('is named by its signature, and told until which height it can land', async () => {
    const world = createSolanaWorld();
    const orders = [world.order(), world.order()];
    const signed = await world.sign(...orders);
    expect(signed).toMatchObject({
      payer: world.treasury,
      authorityHash: signed.fence,
      validUntil: null,
      payoutIds: orders.map(({ payoutId }) => payoutId),
      transaction: { sender: world.treasury, transactionHash: signed.fence, spends: [] },
    });
    const final = world.chain.head('finalized');
    expect(signed.sinceBlock).toBe(BigInt(final.slot));
    expect(signed.validUntilBlock).toBe(BigInt(final.height) + 151n);
    expect(readPayoutMessage(signed.authority).blockhash).toBe(final.blockhash);
    const key = base58.decode(world.treasury);
    expect(ed25519.verify(base58.decode(signed.fence), signed.authority, key)).toBe(true);
  });

  it('never has the bytes of another, though two payouts are alike', async () => {
    const world = createSolanaWorld();
    const like = { units: 5_000_000n, toAddress: wallet('same') };
    const first = await world.sign(world.order(like));
    const second = await world.sign(world.order(like));
    expect(first.fence).not.toBe(second.fence);
  });

  it('pays exactly once, whatever is sent how often', async () => {
    const world = createSolanaWorld();
    const orders = [world.order(), world.order()];
    const signed = await world.sign(...orders);
    for (let sent = 0; sent < 5; sent += 1) {
      await world.driver.broadcast(signed.transaction.rawTransaction);
      world.produce(3);
    }
    world.finalize();
    const paid = world.chain.transfersOf(world.chain.tokens.USDT.address);
    expect(paid.filter(({ signature }) => signature === signed.fence)).toHaveLength(2);
    for (const { toAddress, units } of orders) {
      expect(world.chain.unitsOf(world.chain.tokens.USDT.address, toAddress)).toBe(units);
    }
  });
});

describe('nothing is signed', () => {
  it('on the lane of another sender, or without the plan of an inspection', async () => {
    const world = createSolanaWorld();
    const order = world.order();
    const { plan } = await world.inspect(order);
    const whole = present(plan, 'payable');
    const lane = { sender: world.treasury, sequence: 1n };
    const sign = async (fields: object) =>
      await world.driver.sign({ orders: [order], number: 1n, plan: whole, lane, ...fields });
    await expect(sign({ lane: { ...lane, sender: wallet('x') } })).rejects.toThrow('the treasury');
    await expect(sign({ plan: {} })).rejects.toThrow('plan is of an inspection');
    await expect(sign({ plan: { ...whole, unitLimit: 0n } })).rejects.toThrow('out of range');
    await expect(sign({ plan: { ...whole, unitPrice: 10n ** 9n } })).rejects.toThrow('price');
    const both = { ...whole, direct: [order.payoutId], opening: [order.payoutId] };
    await expect(sign({ plan: both })).rejects.toThrow('not opened');
  });

  it('that is more than a transaction holds', async () => {
    const world = createSolanaWorld();
    const orders = Array.from({ length: 7 }, () => world.order());
    const { plan } = await world.inspect(...orders);
    const order = {
      orders,
      number: 1n,
      plan: { ...present(plan, 'payable'), opening: orders.map(({ payoutId }) => payoutId) },
      lane: { sender: world.treasury, sequence: 1n },
    };
    await expect(world.driver.sign(order)).rejects.toThrow('too large');
  });

  it('with a signature that is not the treasury’s', async () => {
    const world = createSolanaWorld();
    const other = keySigner('other');
    const { publicKey } = world.signer;
    const driver = createSolanaDriver({
      network: 'SOL_MAINNET',
      expectedGenesis: null,
      endpoints: world.endpoints,
      clock: world.clock,
      assets: [world.usdt],
      signer: { ...other, publicKey },
    });
    const order = world.order();
    const { plan } = await driver.inspect([order], { unitsOnTheWay: 0n, taken: [] });
    const lane = { sender: world.treasury, sequence: 1n };
    const signing = driver.sign({
      orders: [order],
      number: 1n,
      plan: present(plan, 'payable'),
      lane,
    });
    await expect(signing).rejects.toThrow('not of the treasury');
  });

  it.each<[string, Parameters<typeof keySigner>[0]]>([['secp256k1', 'x']])('on %s', (curve) => {
    const world = createSolanaWorld();
    const options = {
      network: 'SOL_MAINNET' as const,
      expectedGenesis: null,
      endpoints: world.endpoints,
      assets: [],
      signer: { ...world.signer, curve: curve as 'secp256k1' },
    };
    expect(() => createSolanaDriver(options)).toThrow('ed25519');
  });
});

describe('a broadcast', () => {
  it('goes to all nodes, and is accepted where one takes exactly it', async () => {
    const world = createSolanaWorld({ nodes: 3 });
    const signed = await world.sign(world.order());
    world.nodes[0]?.failNext('sendTransaction', 'timeout');
    world.nodes[1]?.failNext('sendTransaction', 'error');
    const answer = await world.driver.broadcast(signed.transaction.rawTransaction);
    expect(answer).toEqual({ kind: 'accepted' });
    expect(world.nodes.map((node) => node.asked()['sendTransaction'])).toEqual([1, 1, 1]);
  });

  it.each(['timeout', 'lost-answer', 'error', 'malformed'] as const)(
    'of which the node says nothing else (%s) is to be looked for',
    async (kind) => {
      const world = createSolanaWorld();
      const signed = await world.sign(world.order());
      world.nodes[0]?.failNext('sendTransaction', kind);
      const answer = await world.driver.broadcast(signed.transaction.rawTransaction);
      expect(answer.kind).toBe('look');
    },
  );

  it('with the signature of something else is to be looked for', async () => {
    const world = createSolanaWorld();
    const signed = await world.sign(world.order());
    const [endpoint] = world.endpoints;
    const other = base58.encode(new Uint8Array(64).fill(5));
    if (endpoint !== undefined) endpoint.lies = { sendTransaction: () => other };
    const answer = await world.driver.broadcast(signed.transaction.rawTransaction);
    expect(answer).toEqual({ kind: 'look', reason: 'node 1 of 1 answered another signature' });
  });
});
