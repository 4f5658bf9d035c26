import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatIpRange, holdsAddress, parseIpAddress, parseIpRange } from './ip-range.ts';

function read(text: string): string {
  const range = parseIpRange(text);
  return 'problem' in range ? `refused: ${range.problem}` : formatIpRange(range);
}

function holds(rangeText: string, addressText: string): boolean {
  const [range, address] = [parseIpRange(rangeText), parseIpAddress(addressText)];
  if ('problem' in range || address === undefined) throw new Error('not a range, not an address');
  return holdsAddress(range, address);
}

describe('a range in its one form', () => {
  test.each([
    ['203.0.113.5', '203.0.113.5'],
    ['203.0.113.5/32', '203.0.113.5'],
    ['203.0.113.0/24', '203.0.113.0/24'],
    ['128.0.0.0/1', '128.0.0.0/1'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['0.0.0.0', '0.0.0.0'],
    ['::/0', '::/0'],
    ['::1', '::1'],
    ['::1/128', '::1'],
    ['2001:DB8::/32', '2001:db8::/32'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['::ffff:203.0.113.5', '203.0.113.5'],
    ['::FFFF:cb00:7105', '203.0.113.5'],
    ['0:0:0:0:0:ffff:203.0.113.5', '203.0.113.5'],
    ['::ffff:203.0.113.0/120', '203.0.113.0/24'],
    ['::ffff:0.0.0.0/96', '0.0.0.0/0'],
    ['::ffff:0:0/96', '0.0.0.0/0'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ['fe80::/10', 'fe80::/10'],
    // RFC 5952 §4: leading zeros, the longest run, the first of equal runs, no lone "::", lower case.
    ['2001:0db8::0001', '2001:db8::1'],
    ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:DB8::ABCD', '2001:db8::abcd'],
  ])('%s is %s', (text, expected) => {
    expect(read(text)).toBe(expected);
    expect(read(expected)).toBe(expected);
  });
});

const NOT_AN_ADDRESS = [
  '',
  ' ',
  'localhost',
  '0177.0.0.1',
  '010.0.0.1',
  '127.1',
  '127.0.1',
  '2130706433',
  '0x7f.0.0.1',
  '0x7f000001',
  '256.0.0.1',
  '1.2.3.4.5',
  '1.2.3',
  '1.2.3.4 ',
  ' 1.2.3.4',
  '1.2.3.4\n',
  '1.2.3.4\u0000',
  '1.2.3.-4',
  '+1.2.3.4',
  '１.2.3.4',
  '1.2.3.4:80',
  '[::1]',
  'fe80::1%eth0',
  'fe80::1%1',
  '::ffff:127.0.0.1%lo',
  '::1%',
  '::1.2.3.4',
  '::ffff:0177.0.0.1',
  '::ffff:127.1',
  ':::1',
  '1::2::3',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
  '12345::',
  'g::',
  '1:2:3:4:5:6:7:',
  ':1:2:3:4:5:6:7',
];

describe('what is no address is no range and no caller', () => {
  test.each(NOT_AN_ADDRESS)('%j', (text) => {
    expect(read(text)).toMatch(/^refused: The address must be/);
    expect(parseIpAddress(text)).toBeUndefined();
  });
});

describe('what is no block', () => {
  test.each([
    '1.2.3.4/33',
    '1.2.3.4/-1',
    '1.2.3.4/',
    '1.2.3.4/ 32',
    '1.2.3.4/032',
    '1.2.3.4/0x20',
    '1.2.3.4/3e1',
    '1.2.3.4/255.255.255.255',
    '::/129',
    '::/1000',
    '::/1.5',
  ])('%s has no such prefix length', (text) => {
    expect(read(text)).toMatch(
      /^refused: The prefix length must be a number from 0 to (32|128)\.$/,
    );
  });

  test.each(['1.2.3.4/24/24', '/24', '/', '1.2.3.4//32', 'x/24', 'fe80::1%eth0/64'])(
    '%s has no address',
    (text) => {
      expect(read(text)).toMatch(/^refused: The address must be/);
    },
  );

  test.each([
    ['203.0.113.5/24', '203.0.113.0/24', '203.0.113.5'],
    ['0.0.0.1/0', '0.0.0.0/0', '0.0.0.1'],
    ['2001:db8::1/64', '2001:db8::/64', '2001:db8::1'],
    ['::ffff:203.0.113.5/120', '203.0.113.0/24', '203.0.113.5'],
  ])('%s may mean %s or %s', (text, block, address) => {
    expect(read(text)).toBe(
      `refused: The address has bits set behind the prefix. Write ${block} for the block or ${address} for one address.`,
    );
  });

  test.each(['::ffff:0:0/95', '::ffff:203.0.113.0/24', '::ffff:0.0.0.0/0'])(
    '%s reaches beyond IPv4',
    (text) => {
      expect(read(text)).toMatch(/^refused: A block of IPv4-mapped/);
    },
  );

  test('an address is no block', () => {
    expect(parseIpAddress('203.0.113.0/24')).toBeUndefined();
  });
});

describe('holding', () => {
  test.each([
    ['203.0.113.0/24', '203.0.113.255', true],
    ['203.0.113.0/24', '203.0.114.0', false],
    ['203.0.113.5', '203.0.113.5', true],
    ['203.0.113.5', '203.0.113.4', false],
    ['203.0.113.5', '::ffff:203.0.113.5', true],
    ['::ffff:203.0.113.5', '203.0.113.5', true],
    ['::/0', '203.0.113.5', false],
    ['::/0', '::ffff:203.0.113.5', false],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['0.0.0.0/0', '::ffff:203.0.113.5', true],
    ['::/0', '2001:db8::1', true],
    ['2001:db8::/33', '2001:db8:8000::', false],
    ['2001:db8::/33', '2001:db8:7fff::', true],
  ])('%s and %s: %s', (range, address, expected) => {
    expect(holds(range, address)).toBe(expected);
  });
});

/** A naive model: an address is a text of 32 or 128 bits, and a block is a beginning of it. */
function v4Text(bits: string): string {
  return (bits.match(/.{8}/g) ?? []).map((octet) => Number.parseInt(octet, 2)).join('.');
}

function v6Text(bits: string): string {
  return (bits.match(/.{16}/g) ?? [])
    .map((part) => Number.parseInt(part, 2).toString(16))
    .join(':');
}

function bitText(length: number): fc.Arbitrary<string> {
  return fc
    .array(fc.constantFrom('0', '1'), { minLength: length, maxLength: length })
    .map((bits) => bits.join(''));
}

/** An address beside another one: its first bits are the same, one bit is flipped, the rest is random. */
function neighbours(length: number): fc.Arbitrary<{ one: string; two: string; prefix: number }> {
  return fc
    .tuple(bitText(length), bitText(length), fc.nat(length), fc.nat(length))
    .map(([one, random, shared, prefix]) => {
      const flipped = one[shared] === undefined ? '' : one[shared] === '0' ? '1' : '0';
      const two = (one.slice(0, shared) + flipped + random.slice(shared + 1)).slice(0, length);
      return { one, two, prefix };
    });
}

describe.each([
  { kind: 'ipv4' as const, length: 32, textOf: v4Text },
  { kind: 'ipv6' as const, length: 128, textOf: v6Text },
])('$kind against a model of bits', ({ kind, length, textOf }) => {
  test('a block holds what begins as it does, and Node agrees', () => {
    fc.assert(
      fc.property(neighbours(length), ({ one, two, prefix }) => {
        // IPv4-mapped addresses change their kind; they have tests of their own.
        fc.pre(kind === 'ipv4' || ![one, two].some((bits) => /^0{80}1{16}/.test(bits)));
        const block = one.slice(0, prefix).padEnd(length, '0');
        fc.pre(kind === 'ipv4' || !/^0{80}1{16}/.test(block));
        const expected = two.startsWith(one.slice(0, prefix));
        expect(holds(`${textOf(block)}/${prefix}`, textOf(two))).toBe(expected);
        const node = new BlockList();
        node.addSubnet(textOf(block), prefix, kind);
        expect(node.check(textOf(two), kind)).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });

  test('a block with bits behind its prefix is refused, any other is its own canonical form', () => {
    fc.assert(
      fc.property(bitText(length), fc.nat(length), (bits, prefix) => {
        fc.pre(kind === 'ipv4' || !/^0{80}1{16}/.test(bits));
        const clean = !bits.slice(prefix).includes('1');
        const canonical = read(`${textOf(bits)}/${prefix}`);
        expect(canonical.startsWith('refused')).toBe(!clean);
        const cleaned = read(`${textOf(bits.slice(0, prefix).padEnd(length, '0'))}/${prefix}`);
        expect(read(cleaned)).toBe(cleaned);
      }),
      { numRuns: 2000 },
    );
  });
});

test('an IPv4 block written as IPv4-mapped is the same block', () => {
  fc.assert(
    fc.property(neighbours(32), ({ one, two, prefix }) => {
      const block = v4Text(one.slice(0, prefix).padEnd(32, '0'));
      const mapped = `::ffff:${block}/${96 + prefix}`;
      expect(read(mapped)).toBe(read(`${block}/${prefix}`));
      expect(holds(mapped, `::ffff:${v4Text(two)}`)).toBe(holds(`${block}/${prefix}`, v4Text(two)));
    }),
  );
});

test('a text never ends in an exception', () => {
  const alphabet = fc.constantFrom(...'0123456789abcdefx.:/% '.split(''));
  fc.assert(
    fc.property(fc.string({ unit: alphabet, maxLength: 50 }), (text) => {
      const canonical = read(text);
      if (!canonical.startsWith('refused')) expect(read(canonical)).toBe(canonical);
    }),
    { numRuns: 5000 },
  );
});
