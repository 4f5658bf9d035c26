import { describe, expect, it } from 'vitest';
import { headerHash, isBlockOf, merkleRoot } from './block-hash.ts';

/** Block 100,000 of the main network: four transactions. */
const HASH = '000000000003ba27aa200b1cecaad478d2b00432346c3f1f3986da1afd33e506';
const BLOCK = {
  version: 1,
  previousblockhash: '000000000002d01c1fccc21636b607dfd930d31d01c3a62104612a1719011250',
  merkleroot: 'f3e94742aca4b5ef85488dc37c06c3282295ffec960994b2c0d5ac2a25a95766',
  time: 1_293_623_863,
  bits: '1b04864c',
  nonce: 274_148_111,
};
const TXIDS = [
  '8c14f0db3df150123e6f3dbbf30f8b955a8249b62ac1d1ff16284aefa3d06d87',
  'fff2525b8931402dd09222c50775608f75787bd2b87e56995a7bdd30f79702c4',
  '6359f0868171b1d194cbee1af2f16ea598ae8fad666d9b012c8ed2b79a236ec4',
  'e9a66845e05d5abc0ad04ec80f774a7e585c6e8db975962d069a522137b80c1d',
];

describe('isBlockOf', () => {
  it('knows a block of the main network', () => {
    expect(isBlockOf(BLOCK, HASH, TXIDS)).toBe(true);
  });

  it('knows the first block, which has one transaction and no parent', () => {
    const root = '4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b';
    const first = {
      version: 1,
      merkleroot: root,
      time: 1_231_006_505,
      bits: '1d00ffff',
      nonce: 2_083_236_893,
    };
    const hash = '000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f';
    expect(isBlockOf(first, hash, [root])).toBe(true);
  });

  it('is not deceived by a last transaction that is told twice, which has the same root', () => {
    // Three leaves: the last is paired with itself, whether it is told once or twice.
    const three = TXIDS.slice(0, 3);
    const twice = [...three, ...three.slice(2)];
    const header = { ...BLOCK, merkleroot: merkleRoot(three) };
    expect(merkleRoot(twice)).toBe(merkleRoot(three));
    expect(isBlockOf(header, headerHash(header), three)).toBe(true);
    expect(isBlockOf(header, headerHash(header), twice)).toBe(false);
  });

  const lies: readonly [string, object, readonly string[]][] = [
    ['a transaction is missing', BLOCK, TXIDS.slice(0, 3)],
    ['one is there twice', BLOCK, [...TXIDS, ...TXIDS.slice(3)]],
    ['they are in another order', BLOCK, TXIDS.toReversed()],
    ['there is none', BLOCK, []],
    ['its time is another', { ...BLOCK, time: BLOCK.time + 1 }, TXIDS],
    ['its parent is another', { ...BLOCK, previousblockhash: HASH }, TXIDS],
    ['its root is another', { ...BLOCK, merkleroot: HASH }, TXIDS],
    ['a number does not fit', { ...BLOCK, version: 2 ** 40 }, TXIDS],
    ['its bits are too long', { ...BLOCK, bits: '1b04864c00' }, TXIDS],
  ];
  it.each(lies)('refuses a block where %s', (_, block, txids) => {
    expect(isBlockOf(block as Record<string, unknown>, HASH, txids)).toBe(false);
  });
});
