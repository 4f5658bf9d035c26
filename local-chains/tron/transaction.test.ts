import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  ALICE,
  broadcast,
  createWorld,
  sunTransfer,
  tokenTransfer,
  wholeHex,
} from './testing/world.ts';
import { decodeTransaction, encodeTransaction } from './transaction.ts';
import { parseTransaction } from './transaction-json.ts';
import { numberField, readFields, WireError } from './wire.ts';

test('reads and writes the bytes that tronweb writes', async () => {
  const world = await createWorld();
  const transactions = [
    await tokenTransfer(world, world.usdt, { units: 2n ** 200n, memo: 'a note' }),
    await tokenTransfer(world, world.usdc, { feeLimit: 1 }),
    await sunTransfer(world, 9_007_199_254_740_991n),
  ];
  for (const transaction of transactions) {
    const bytes = Buffer.from(wholeHex(transaction), 'hex');
    const decoded = decodeTransaction(bytes);
    expect(decoded.txid).toBe(transaction.txID);
    expect(Buffer.from(encodeTransaction(decoded))).toEqual(bytes);
    expect(decoded.sizeBytes).toBe(bytes.length);
    expect(parseTransaction({ ...transaction }).txid).toBe(transaction.txID);
  }
});

test('a transaction in visible form is the same transaction', async () => {
  const world = await createWorld();
  const transaction = await tokenTransfer(world, world.usdt);
  const [contract] = transaction.raw_data.contract;
  const parameter = contract?.['parameter'] as { value: Readonly<Record<string, unknown>> };
  const value = {
    ...parameter.value,
    owner_address: ALICE.address,
    contract_address: world.usdt,
  };
  const raw_data = {
    ...transaction.raw_data,
    contract: [{ ...contract, parameter: { ...parameter, value } }],
  };
  const visible = { ...transaction, visible: true, raw_data };
  expect(await broadcast(world.node, visible)).toEqual({ result: true, txid: transaction.txID });
  // The same addresses are no hex.
  expect(await broadcast(world.node, { ...transaction, raw_data })).toHaveProperty('Error');
  const shown = await world.node.post('/wallet/gettransactionbyid', {
    value: transaction.txID,
    visible: true,
  });
  expect(shown).toMatchObject({ raw_data: { contract: [{ parameter: { value } }] } });
});

test('bytes that are no message are refused', async () => {
  const world = await createWorld();
  const whole = Buffer.from(wholeHex(await tokenTransfer(world, world.usdt)), 'hex');
  expect(() => decodeTransaction(whole.subarray(0, -1))).toThrow(WireError);
  expect(() => decodeTransaction(Buffer.from('0d00000000', 'hex'))).toThrow('wire type 5');
  expect(() => decodeTransaction(Buffer.from('08ff', 'hex'))).toThrow('ends within a number');
});

test('a number is read as it was written, below zero too', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      const fields = readFields(numberField(18, value));
      expect(fields).toEqual(value === 0n ? [] : [{ number: 18, value }]);
    }),
  );
});
