import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { startReceiver, type Receiver } from '../../test/harness/receiver.ts';
import { checkTarget, type HostAddress } from './safe-target.ts';
import { createSender, type Sender, type SendOutcome } from './send.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

async function receiverWith(...arguments_: Parameters<typeof startReceiver>): Promise<Receiver> {
  const receiver = await startReceiver(...arguments_);
  cleanups.push(async () => await receiver.stop());
  return receiver;
}

function senderTo(
  allowed: readonly string[],
  lookup: (name: string) => Promise<HostAddress[]> = async (name) =>
    await Promise.reject(new Error(`${name} was not to be asked for`)),
): Sender {
  const sender = createSender({
    guard: { lookup, allowedPrivateTargets: allowed },
    timeoutMs: 400,
  });
  cleanups.push(async () => await sender.close());
  return sender;
}

async function sendTo(receiver: Receiver): Promise<SendOutcome> {
  return await senderTo([receiver.target]).send(requestTo(receiver.url));
}

function requestTo(url: string): Parameters<Sender['send']>[0] {
  return { endpointId: 'endpoint', url, headers: { 'x-signature': 'abc' }, body: '{"é":1}' };
}

test('posts the body with its headers', async () => {
  const receiver = await receiverWith((response) => response.writeHead(202).end('thanks'));
  expect(await sendTo(receiver)).toEqual({
    kind: 'answered',
    status: 202,
    retryAfter: undefined,
    bodyExcerpt: 'thanks',
  });
  expect(receiver.requests).toMatchObject([
    {
      method: 'POST',
      path: '/hook',
      body: '{"é":1}',
      headers: {
        host: receiver.target,
        'content-type': 'application/json',
        'content-length': '8',
        'user-agent': 'Knit-Webhooks/1',
        'x-signature': 'abc',
      },
    },
  ]);
});

test('keeps connections for the next requests to the endpoint', async () => {
  const ports = new Set<number | undefined>();
  const receiver = await receiverWith((response) => {
    ports.add(response.socket?.remotePort);
    response.end('ok');
  });
  const sender = senderTo([receiver.target]);
  for (let sent = 0; sent < 8; sent += 1) await sender.send(requestTo(receiver.url));
  expect(receiver.requests).toHaveLength(8);
  // undici opens a second one while the first is being given back, and then takes turns.
  expect(ports.size).toBeLessThanOrEqual(2);
});

test.each([301, 302, 303, 307, 308])('a redirect of status %d is not followed', async (status) => {
  const elsewhere = await receiverWith();
  const receiver = await receiverWith((response) => {
    response.writeHead(status, { location: elsewhere.url }).end();
  });
  const sender = senderTo([receiver.target, elsewhere.target]);
  expect(await sender.send(requestTo(receiver.url))).toMatchObject({ kind: 'answered', status });
  expect(elsewhere.requests).toEqual([]);
});

test('no answer in time', async () => {
  const receiver = await receiverWith(() => undefined);
  expect(await sendTo(receiver)).toEqual({
    kind: 'failed',
    reason: 'no complete answer within 0.4 s',
    status: null,
  });
});

test('a body that never ends is no complete answer, though each byte comes in time', async () => {
  let dribble: NodeJS.Timeout | undefined;
  const receiver = await receiverWith((response) => {
    response.writeHead(200);
    dribble = setInterval(() => response.write('.'), 20);
  });
  const outcome = await sendTo(receiver);
  clearInterval(dribble);
  expect(outcome).toMatchObject({ kind: 'failed', status: 200 });
});

test('of a huge body a kilobyte is kept, and most is never read', async () => {
  let written = 0;
  const receiver = await receiverWith((response) => {
    const chunk = Buffer.alloc(65_536, 'a');
    const pump = (): void => {
      while (!response.destroyed && written < 1_000_000_000) {
        written += chunk.length;
        if (!response.write(chunk)) {
          response.once('drain', pump);
          return;
        }
      }
    };
    pump();
  });
  expect(await sendTo(receiver)).toMatchObject({
    kind: 'answered',
    status: 200,
    bodyExcerpt: 'a'.repeat(1024),
  });
  expect(written).toBeLessThan(100_000_000);
});

test.each([
  ['NUL, which PostgreSQL does not store', Buffer.from('a\0b'), 'a\uFFFDb'],
  ['bytes that are no UTF-8', Buffer.from([0x61, 0xff]), 'a\uFFFD'],
  ['a character at the bound', Buffer.from(`${'a'.repeat(1023)}é`), 'a'.repeat(1023)],
  ['many bad bytes', Buffer.alloc(2000, 0xff), '\uFFFD'.repeat(341)],
])('the excerpt of an answer with %s is text of a kilobyte at most', async (_name, sent, kept) => {
  const receiver = await receiverWith((response) => response.end(sent));
  expect(await sendTo(receiver)).toMatchObject({ bodyExcerpt: kept });
});

test('a connection that is reset, and one that nobody takes', async () => {
  const server = createServer((socket) => {
    socket.once('data', () => socket.resetAndDestroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const target = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sender = senderTo([target]);
  expect(await sender.send(requestTo(`http://${target}/`))).toEqual({
    kind: 'failed',
    reason: 'the connection was broken off before an answer',
    status: null,
  });
  server.close();
  await once(server, 'close');
  expect(await sender.send(requestTo(`http://${target}/`))).toEqual({
    kind: 'failed',
    reason: 'the connection was refused',
    status: null,
  });
});

test('an answer that is no HTTP, and one that breaks off half way', async () => {
  const answers = ['nonsense\r\n\r\n', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'];
  const server = createServer((socket) => {
    socket.once('data', () => socket.end(answers.shift() ?? ''));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(async () => {
    server.close();
    await once(server, 'close');
  });
  const target = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sender = senderTo([target]);
  expect(await sender.send(requestTo(`http://${target}/`))).toMatchObject({ kind: 'failed' });
  expect(await sender.send(requestTo(`http://${target}/`))).toEqual({
    kind: 'failed',
    reason: 'the connection was broken off before an answer',
    status: 200,
  });
});

test('an announcement of the answer is not the answer', async () => {
  const receiver = await receiverWith((response) => {
    response.writeProcessing();
    response.writeHead(503, { 'retry-after': '7' }).end('later');
  });
  expect(await sendTo(receiver)).toEqual({
    kind: 'answered',
    status: 503,
    retryAfter: '7',
    bodyExcerpt: 'later',
  });
});

test('what waits for its addresses until the time is over is never sent', async () => {
  const receiver = await receiverWith();
  const host = `slow.example.com:${receiver.target.split(':')[1]}`;
  const answer: HostAddress[] = [{ address: '127.0.0.1', family: 4 }];
  const late: (() => void)[] = [];
  const sender = senderTo([host], async () => {
    if (late.length === 0) await new Promise<void>((resolve) => late.push(resolve));
    return answer;
  });
  const first = { ...requestTo(`http://${host}/hook`), body: 'first' };
  expect(await sender.send(first)).toMatchObject({ kind: 'failed' });
  for (const resolve of late) resolve();
  expect(await sender.send({ ...first, body: 'second' })).toMatchObject({ status: 200 });
  expect(receiver.requests.map(({ body }) => body)).toEqual(['second']);
});

test('gives Retry-After as it was sent', async () => {
  const receiver = await receiverWith((response) => {
    response.writeHead(429, { 'retry-after': '30' }).end();
  });
  expect(await sendTo(receiver)).toMatchObject({ status: 429, retryAfter: '30' });
});

test('a private target that is not allowed is never connected to', async () => {
  const receiver = await receiverWith();
  expect(await senderTo([]).send(requestTo(receiver.url))).toEqual({
    kind: 'failed',
    reason: 'the host is not a public address',
    status: null,
  });
  expect(receiver.requests).toEqual([]);
});

test('a name that was public and has come to lead inside is not connected to', async () => {
  const receiver = await receiverWith();
  const url = `http://rebind.example.com:${receiver.target.split(':')[1]}/hook`;
  const answers = ['93.184.215.14', '127.0.0.1'];
  const lookup = async (): Promise<HostAddress[]> =>
    await Promise.resolve([{ address: answers.shift() ?? '', family: 4 }]);
  const guard = { lookup, allowedPrivateTargets: [] };
  expect(await checkTarget(url, guard)).toMatchObject({ kind: 'safe' });
  expect(await senderTo([], lookup).send(requestTo(url))).toEqual({
    kind: 'failed',
    reason: 'the host is not a public address',
    status: null,
  });
  expect(receiver.requests).toEqual([]);
});

test('a name is looked up once, and what was checked is what is connected to', async () => {
  const receiver = await receiverWith();
  const host = `receiver.example.com:${receiver.target.split(':')[1]}`;
  // Nothing listens on the second answer.
  const answers = ['127.0.0.1', '127.0.0.2'];
  const sender = senderTo([host], async (name) => {
    expect(name).toBe('receiver.example.com');
    return await Promise.resolve([{ address: answers.shift() ?? '', family: 4 }]);
  });
  expect(await sender.send(requestTo(`http://${host}/hook`))).toMatchObject({ status: 200 });
  expect(receiver.requests[0]?.headers.host).toBe(host);
  expect(answers).toEqual(['127.0.0.2']);
  // The name has moved: the kept connection to the old place is not used for it.
  expect(await sender.send(requestTo(`http://${host}/hook`))).toMatchObject({
    reason: 'the connection was refused',
  });
  expect(receiver.requests).toHaveLength(1);
});

test('a look-up that hangs is part of the time', async () => {
  const sender = senderTo([], async () => await new Promise<never>(() => undefined));
  expect(await sender.send(requestTo('https://hooks.example.com/'))).toMatchObject({
    kind: 'failed',
    reason: 'no complete answer within 0.4 s',
  });
});

test('a closed sender breaks off what it sends', async () => {
  const receiver = await receiverWith(() => undefined);
  const sender = createSender({
    guard: {
      lookup: async () => await Promise.resolve([]),
      allowedPrivateTargets: [receiver.target],
    },
  });
  const sending = sender.send(requestTo(receiver.url));
  await receiver.received(1);
  await sender.close();
  expect(await sending).toMatchObject({ kind: 'failed' });
  expect(await sender.send(requestTo(receiver.url))).toMatchObject({ kind: 'failed' });
});
