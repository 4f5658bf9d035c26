import { describe, expect, it } from 'vitest';
import type { HexAddress } from './hex-address.ts';
import { describeRevert, transfersOf } from './token.ts';

const word = (hex: string): string => hex.padStart(64, '0');
const TOPIC = 'ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef';
const token = 'a614f803b6fd780986a42c78ec9c7f77e6ded13c';
const contract: HexAddress = `41${token}`;
const [from, to] = ['11'.repeat(20), '22'.repeat(20)];

describe('Transfer events', () => {
  const log = { address: token, topics: [TOPIC, word(from), word(to)], data: word('ff') };

  it('are read with their place among all events', () => {
    const other = { ...log, address: from };
    const approval = { ...log, topics: [word('1'), word(from), word(to)] };
    expect(transfersOf(contract, [other, log, approval, { ...log, data: word('0') }])).toEqual([
      { from: `41${from}`, to: `41${to}`, units: 255n, logIndex: 1n },
      { from: `41${from}`, to: `41${to}`, units: 0n, logIndex: 3n },
    ]);
  });

  it.each([
    ['two topics', { topics: [TOPIC, word(from)] }, 'three topics'],
    ['four topics', { topics: [TOPIC, word(from), word(to), word('1')] }, 'three topics'],
    ['a topic that is no address', { topics: [TOPIC, word(`1${from}`), word(to)] }, 'an address'],
    ['no units', { data: '' }, 'one word'],
    ['two words', { data: word('1') + word('2') }, 'one word'],
  ])('are refused with %s', (_, change, words) => {
    expect(() => transfersOf(contract, [{ ...log, ...change }])).toThrow(words);
  });
});

describe('reverts in words', () => {
  const text = (words: string, length = words.length): string =>
    '08c379a0' +
    word('20') +
    word(length.toString(16)) +
    Buffer.from(words).toString('hex').padEnd(64, '0');

  it.each([
    ['', 'it gives no reason'],
    [text('Pausable: paused'), 'Pausable: paused'],
    [text('line\nbreak'), 'line break'],
    [`4e487b71${word('11')}`, 'panic 0x11'],
    ['f4d678b8', 'error 0xf4d678b8'],
    [text('cut', 500), 'error 0x08c379a0'],
    [`08c379a0${word('20')}`, 'error 0x08c379a0'],
    [`08c379a0${word('40')}${word('0')}`, 'error 0x08c379a0'],
    ['08c379a0', 'error 0x08c379a0'],
  ])('%s', (data, words) => {
    expect(describeRevert(data)).toBe(words);
  });
});
