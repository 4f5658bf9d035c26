import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { later, type Clock } from '../base/clock.ts';
import { rememberHosts, resolveHost } from './resolve-host.ts';
import type { HostAddress } from './safe-target.ts';

const A = 1;
const AAAA = 28;

/** A name server for these records alone (RFC 1035 §4); any other question gets no answers. */
const records: Readonly<Record<string, Readonly<Record<number, readonly Buffer[]>>>> = {
  'both.example.com': {
    [A]: [Buffer.from([93, 184, 215, 14]), Buffer.from([127, 0, 0, 1])],
    [AAAA]: [Buffer.from('26062800021f00cb0000000000000001', 'hex')],
  },
  'four.example.com': { [A]: [Buffer.from([10, 0, 0, 1])] },
};

const server = createSocket('udp4');
let servers: string[];
beforeAll(async () => {
  server.on('message', (question, from) => server.send(answerTo(question), from.port));
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  servers = [`127.0.0.1:${server.address().port}`];
});
afterAll(() => server.close());

function answerTo(question: Buffer): Buffer {
  const labels: string[] = [];
  let at = 12;
  for (let length = question.readUInt8(at); length > 0; length = question.readUInt8(at)) {
    labels.push(question.subarray(at + 1, at + 1 + length).toString('latin1'));
    at += 1 + length;
  }
  const type = question.readUInt16BE(at + 1);
  const found = records[labels.join('.').toLowerCase()]?.[type] ?? [];
  const header = Buffer.from(question.subarray(0, 12));
  header.writeUInt16BE(0x8180, 2);
  header.writeUInt16BE(found.length, 6);
  header.writeUInt32BE(0, 8);
  const answers = found.map((data) => {
    const answer = Buffer.alloc(12);
    answer.writeUInt16BE(0xc00c, 0);
    answer.writeUInt16BE(type, 2);
    answer.writeUInt16BE(1, 4);
    answer.writeUInt16BE(data.length, 10);
    return Buffer.concat([answer, data]);
  });
  return Buffer.concat([header, question.subarray(12, at + 5), ...answers]);
}

test('gives the addresses of both families, private ones too: the guard judges them', async () => {
  expect(await resolveHost('both.example.com', servers)).toEqual([
    { address: '93.184.215.14', family: 4 },
    { address: '127.0.0.1', family: 4 },
    { address: '2606:2800:21f:cb::1', family: 6 },
  ]);
});

test('one family is enough', async () => {
  expect(await resolveHost('four.example.com', servers)).toEqual([
    { address: '10.0.0.1', family: 4 },
  ]);
});

test('a name without an address is an error', async () => {
  await expect(resolveHost('none.example.com', servers)).rejects.toThrow('has no address');
});

test('a name is asked for once at a time and once in a while, and a failure is forgotten', async () => {
  let moment = new Date(0);
  const clock: Clock = {
    now: () => moment,
    sleep: async () => await Promise.resolve(),
  };
  const asked: string[] = [];
  const lookup = async (name: string): Promise<readonly HostAddress[]> => {
    asked.push(name);
    const answer: HostAddress = { address: `93.184.215.${asked.length}`, family: 4 };
    return await (name === 'gone' ? Promise.reject(new Error('gone')) : Promise.resolve([answer]));
  };
  const remembering = rememberHosts(lookup, clock, 5_000);
  const both = await Promise.all([remembering('a'), remembering('a')]);
  expect(both.flat().map(({ address }) => address)).toEqual(['93.184.215.1', '93.184.215.1']);
  moment = later(moment, 4_999);
  await remembering('a');
  expect(asked).toEqual(['a']);
  moment = later(moment, 1);
  expect(await remembering('a')).toMatchObject([{ address: '93.184.215.2' }]);
  await expect(remembering('gone')).rejects.toThrow('gone');
  await expect(remembering('gone')).rejects.toThrow('gone');
  expect(asked).toEqual(['a', 'a', 'gone', 'gone']);
});
