import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import { TronWeb, utils } from 'tronweb';
import { describe, expect, it } from 'vitest';
import { base58Address, type HexAddress } from './hex-address.ts';
import {
  encodeSigned,
  encodeTransfer,
  readSigned,
  readTransfer,
  referenceTo,
  transferParameters,
  txidOf,
  type TransferTransaction,
} from './transfer-transaction.ts';

const hexOf = (length: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map(bytesToHex);
const addresses = hexOf(20).map((hex): HexAddress => `41${hex}`);
// tronweb has these as JavaScript numbers.
const numbers = fc.bigInt(1n, 2n ** 53n - 1n);
const transfers: fc.Arbitrary<TransferTransaction> = fc.record({
  owner: addresses,
  contract: addresses,
  to: addresses,
  units: fc.bigInt(0n, 2n ** 256n - 1n),
  reference: fc.record({ bytes: hexOf(2), hash: hexOf(8) }),
  expirationMs: numbers,
  timestampMs: numbers,
  feeLimitSun: fc.bigInt(1n, 15_000_000_000n),
});

const EXAMPLE: TransferTransaction = {
  owner: '41f0cc5a2a84cd0f68ed1667070934542d673acbd8',
  contract: '41a614f803b6fd780986a42c78ec9c7f77e6ded13c',
  to: '418840e6c55b9ada326d211d818c34a994aeced808',
  units: 1_234_567n,
  reference: { bytes: '0b7a', hash: 'a1b2c3d4e5f60718' },
  expirationMs: 1_790_000_090_000n,
  timestampMs: 1_767_225_600_042n,
  feeLimitSun: 9_000_000n,
};

/** tronweb's own bytes of the same transfer, built without a node. */
async function byTronweb(transfer: TransferTransaction) {
  const tronWeb = new TronWeb({ fullHost: 'http://127.0.0.1:1' });
  const wrapper = await tronWeb.transactionBuilder.triggerSmartContract(
    base58Address(transfer.contract),
    'transfer(address,uint256)',
    {
      txLocal: true,
      feeLimit: Number(transfer.feeLimitSun),
      blockHeader: {
        ref_block_bytes: transfer.reference.bytes,
        ref_block_hash: transfer.reference.hash,
        expiration: Number(transfer.expirationMs),
        timestamp: Number(transfer.timestampMs),
      },
    },
    [
      { type: 'address', value: base58Address(transfer.to) },
      { type: 'uint256', value: transfer.units.toString() },
    ],
    base58Address(transfer.owner),
  );
  return wrapper.transaction;
}

describe('against tronweb', () => {
  it('makes the same bytes and the same id', async () => {
    await fc.assert(
      fc.asyncProperty(transfers, async (transfer) => {
        const theirs = await byTronweb(transfer);
        const ours = encodeTransfer(transfer);
        expect(bytesToHex(ours)).toBe(theirs.raw_data_hex);
        expect(txidOf(ours)).toBe(theirs.txID);
        expect(utils.transaction.txCheck(theirs)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('is read by it as what was meant', () => {
    const hex = bytesToHex(encodeTransfer(EXAMPLE));
    const read: unknown = utils.deserializeTx.deserializeTransaction('TriggerSmartContract', hex);
    expect(read).toMatchObject({
      contract: [
        {
          type: 'TriggerSmartContract',
          parameter: {
            type_url: 'type.googleapis.com/protocol.TriggerSmartContract',
            value: {
              owner_address: EXAMPLE.owner.toUpperCase(),
              contract_address: EXAMPLE.contract.toUpperCase(),
              data: `a9059cbb${transferParameters(EXAMPLE.to, EXAMPLE.units)}`.toUpperCase(),
            },
          },
        },
      ],
      ref_block_bytes: '0B7A',
      ref_block_hash: 'A1B2C3D4E5F60718',
      expiration: 1_790_000_090_000,
      timestamp: 1_767_225_600_042,
      fee_limit: 9_000_000,
    });
  });
});

describe('readTransfer', () => {
  it('reads back what was written', () => {
    fc.assert(
      fc.property(transfers, (transfer) => {
        expect(readTransfer(encodeTransfer(transfer))).toEqual(transfer);
      }),
    );
  });

  it('refuses every other bytes that one flipped bit makes, or reads another transfer', () => {
    const bytes = encodeTransfer(EXAMPLE);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = bytes.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
      const read = readTransfer(changed);
      expect(read).not.toEqual(EXAMPLE);
      if (read !== null) expect(encodeTransfer(read)).toEqual(changed);
    }
  });

  const raw = encodeTransfer(EXAMPLE);
  const memo = new BinaryWriter()
    .tag(10, WireType.LengthDelimited)
    .bytes(Uint8Array.of(7))
    .finish();
  it.each([
    ['nothing', new Uint8Array()],
    ['a cut message', raw.subarray(0, -1)],
    ['a message with a memo', Uint8Array.of(...raw, ...memo)],
    [
      'an unknown field',
      Uint8Array.of(...raw, ...new BinaryWriter().tag(20, WireType.Varint).int64(1n).finish()),
    ],
    [
      'a fixed field',
      Uint8Array.of(...raw, ...new BinaryWriter().tag(20, WireType.Bit64).fixed64(1n).finish()),
    ],
    ['the fee limit twice', Uint8Array.of(...raw, ...raw.subarray(-6))],
    ['a longer form of the fee limit', Uint8Array.of(...raw.subarray(0, -1), 0x84, 0x00)],
    [
      'a negative fee limit',
      Uint8Array.of(...raw.subarray(0, -4), ...new BinaryWriter().int64(-1n).finish()),
    ],
    ['another method', replaced(raw, 'a9059cbb', '095ea7b3')],
    [
      'a recipient with a prefix',
      replaced(
        raw,
        '0'.repeat(24) + EXAMPLE.to.slice(2),
        `${'0'.repeat(22)}41${EXAMPLE.to.slice(2)}`,
      ),
    ],
    ['another type', replaced(raw, '081f12', '080112')],
    ['another prefix of the owner', replaced(raw, EXAMPLE.owner, `a0${EXAMPLE.owner.slice(2)}`)],
  ])('refuses %s', (_, bytes) => {
    expect(readTransfer(bytes)).toBeNull();
  });

  it('has the example right, so that the cases above are what they say', () => {
    expect(readTransfer(raw)).toEqual(EXAMPLE);
    expect(bytesToHex(raw.subarray(-6))).toBe('9001c0a8a504');
  });
});

function replaced(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const hex = bytesToHex(bytes);
  expect(hex).toContain(from);
  return hexToBytes(hex.replace(from, to));
}

describe('encodeTransfer asserts', () => {
  it.each([
    ['units', { units: -1n }],
    ['units', { units: 2n ** 256n }],
    ['fee limit', { feeLimitSun: 0n }],
    ['fee limit', { feeLimitSun: 2n ** 63n }],
    ['time', { expirationMs: 0n }],
    ['time', { timestampMs: -1n }],
    ['two bytes', { reference: { bytes: '0b', hash: 'a1b2c3d4e5f60718' } }],
    ['eight bytes', { reference: { bytes: '0b7a', hash: '' } }],
    ['address', { to: '41a6' as const }],
  ])('the %s (case %#)', (words, change) => {
    expect(() => encodeTransfer({ ...EXAMPLE, ...change })).toThrow(words);
  });
});

it('refers to a block by two bytes of its number and eight of its hash', () => {
  const id = '0000000003a1b2c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c';
  expect(referenceTo(id)).toEqual({ bytes: 'b2c4', hash: 'd5e6f708192a3b4c' });
  expect(() => referenceTo('0b7a')).toThrow('not a block id');
});

describe('signed transactions', () => {
  const raw = encodeTransfer(EXAMPLE);
  const signature = new Uint8Array(65).fill(9);

  it("are tronweb's Transaction message", async () => {
    const theirs = await byTronweb(EXAMPLE);
    const { Transaction } = (globalThis as unknown as { TronWebProto: Proto }).TronWebProto;
    const pb = Transaction.deserializeBinary(encodeSigned(raw, signature));
    expect(bytesToHex(pb.getRawData().serializeBinary())).toBe(theirs.raw_data_hex);
    expect(pb.getSignatureList_asU8()).toEqual([signature]);
  });

  it('are read back', () => {
    expect(readSigned(encodeSigned(raw, signature))).toEqual({ rawData: raw, signature });
  });

  it.each([
    ['no signature', new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(raw).finish()],
    ['two signatures', Uint8Array.of(...encodeSigned(raw, signature), 0x12, 65, ...signature)],
    [
      'a short signature',
      new BinaryWriter()
        .tag(1, WireType.LengthDelimited)
        .bytes(raw)
        .tag(2, WireType.LengthDelimited)
        .bytes(signature.subarray(1))
        .finish(),
    ],
    ['a result', Uint8Array.of(...encodeSigned(raw, signature), 0x2a, 0)],
    ['nothing', new Uint8Array()],
  ])('are not read with %s', (_, bytes) => {
    expect(readSigned(bytes)).toBeNull();
  });
});

interface Proto {
  readonly Transaction: {
    deserializeBinary(bytes: Uint8Array): {
      getRawData(): { serializeBinary(): Uint8Array };
      getSignatureList_asU8(): Uint8Array[];
    };
  };
}
