import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { createBodyStore, createBodyStores, MAX_BODY_BYTES, readBody } from './read-body.ts';

const headers = { contentType: undefined, contentEncoding: undefined };

function hungStream(): Readable {
  return new Readable({ read: () => undefined });
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('the store of bodies that are on their way', () => {
  test('refuses what is more than it holds, and has it back when a body is read', async () => {
    const store = createBodyStore(10);
    const [one, two, three] = [hungStream(), hungStream(), hungStream()];
    const first = readBody(one, headers, store);
    const second = readBody(two, headers, store);
    one.push('{"a":1');
    two.push('{"b"');
    await turn();
    three.push('{}');
    await expect(readBody(three, headers, store)).rejects.toMatchObject({ code: 'OVERLOADED' });
    two.push(null);
    await expect(second).rejects.toMatchObject({ code: 'BODY_UNREADABLE' });
    one.push('}');
    one.push(null);
    expect(await first).toHaveProperty('a');
    expect(store.take(10)).toBe(true);
    expect(store.take(1)).toBe(false);
  });

  test.each([
    ['is cut', (stream: Readable) => stream.destroy()],
    ['fails', (stream: Readable) => stream.destroy(new Error('reset'))],
  ])('has the bytes back of a body that %s', async (_, end) => {
    const store = createBodyStore(10);
    const stream = hungStream();
    const read = readBody(stream, headers, store);
    stream.push('{"a":1');
    await turn();
    end(stream);
    await expect(read).rejects.toMatchObject({ code: 'BODY_UNREADABLE' });
    expect(store.take(10)).toBe(true);
  });

  test('gives one owner no more than his share, and the others theirs', () => {
    const storeOf = createBodyStores({ overall: 25, perOwner: 10 });
    expect(storeOf('one').take(10)).toBe(true);
    expect(storeOf('one').take(1)).toBe(false);
    expect(storeOf('two').take(10)).toBe(true);
    expect(storeOf('three').take(6)).toBe(false);
    storeOf('one').give(10);
    expect(storeOf('three').take(6)).toBe(true);
    expect(storeOf('one').take(9)).toBe(true);
    expect(storeOf('one').take(1)).toBe(false);
  });

  test('waits for nothing of a body that was cut before it was read', async () => {
    const store = createBodyStore(10);
    const stream = hungStream();
    stream.push('{"a":1}');
    stream.destroy();
    await turn();
    await expect(readBody(stream, headers, store)).rejects.toMatchObject({
      code: 'BODY_UNREADABLE',
    });
    expect(store.take(10)).toBe(true);
  });

  test('holds nothing of a body that is too long', async () => {
    const store = createBodyStore(MAX_BODY_BYTES + 10);
    const stream = hungStream();
    const read = readBody(stream, headers, store);
    stream.push('x'.repeat(MAX_BODY_BYTES));
    stream.push('x'.repeat(MAX_BODY_BYTES));
    stream.push(null);
    await expect(read).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' });
    expect(store.take(MAX_BODY_BYTES + 10)).toBe(true);
  });
});
