import type { Readable } from 'node:stream';
import { Fault, validationFault } from '../base/fault.ts';
import { isJsonObject, type JsonObject } from './json-number.ts';
import { readForm } from './read-form.ts';
import { readJson, unreadable } from './read-json.ts';
import { overloaded } from './shed-request.ts';

/** The longest body that is read, in bytes. A payout has about 200. */
export const MAX_BODY_BYTES = 64 * 1024;

/** Of a longer body so much is still taken off the wire, so that its sender gets to read the answer. */
const MAX_DRAINED_BYTES = 32 * 1024 * 1024;

/** The two headers that say how a body is written. */
export interface BodyHeaders {
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
}

/** What the bodies that are on their way may take of the memory, all together. */
export interface BodyStore {
  /** Whether there is room for so many bytes more; then it is taken. */
  take(byteCount: number): boolean;
  give(byteCount: number): void;
}

export function createBodyStore(maxBytes: number): BodyStore {
  let held = 0;
  return {
    take: (byteCount) => {
      if (held + byteCount > maxBytes) return false;
      held += byteCount;
      return true;
    },
    give: (byteCount) => {
      held -= byteCount;
    },
  };
}

/**
 * One store for all, of which no owner takes more than `perOwner`: bodies that somebody never sends to their end
 * are then in nobody else's way.
 */
export function createBodyStores(limits: {
  readonly overall: number;
  readonly perOwner: number;
}): (owner: string) => BodyStore {
  const all = createBodyStore(limits.overall);
  const heldBy = new Map<string, number>();
  return (owner) => ({
    take: (byteCount) => {
      const held = (heldBy.get(owner) ?? 0) + byteCount;
      if (held > limits.perOwner || !all.take(byteCount)) return false;
      heldBy.set(owner, held);
      return true;
    },
    give: (byteCount) => {
      all.give(byteCount);
      const left = (heldBy.get(owner) ?? 0) - byteCount;
      if (left > 0) heldBy.set(owner, left);
      else heldBy.delete(owner);
    },
  });
}

/**
 * Reads the fields of a request. A body that is JSON is read as JSON whatever its type says, because
 * curl calls any text a form; a form is taken as a form. No body has no fields. Throws
 * BODY_TOO_LARGE, BODY_UNREADABLE, ENCODING_UNSUPPORTED, VALIDATION_FAILED (JSON, but no object),
 * OVERLOADED (too many bodies are on their way).
 */
export async function readBody(
  stream: Readable,
  headers: BodyHeaders,
  store: BodyStore,
): Promise<JsonObject> {
  const bytes = await collect(stream, store);
  if (!/^(identity)?$/i.test(headers.contentEncoding ?? '')) {
    throw new Fault('ENCODING_UNSUPPORTED', 'A compressed request body is not supported.');
  }
  const text = decodeUtf8(bytes);
  if (/^[ \t\r\n]*$/.test(text)) return {};
  const isForm = /^application\/x-www-form-urlencoded\s*(;|$)/i.test(headers.contentType ?? '');
  if (isForm && !/^[ \t\r\n]*[{[]/.test(text)) return readForm(text);
  const value = readJson(text);
  if (isJsonObject(value)) return value;
  throw validationFault({ body: ['The request body must be a JSON object.'] });
}

/** Hears the stream itself: an iterator of it costs more than everything else that is done with a body. */
async function collect(stream: Readable, store: BodyStore): Promise<Uint8Array> {
  return await new Promise((resolve, reject) => {
    let chunks: Uint8Array[] = [];
    let length = 0;
    let held = 0;
    const finish = (problem: Fault | undefined): void => {
      stream.off('data', onData).off('end', onEnd).off('error', onCut).off('close', onCut);
      store.give(held);
      if (problem !== undefined) reject(problem);
      else resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
    };
    const onData = (chunk: Uint8Array): void => {
      length += chunk.length;
      if (length > MAX_BODY_BYTES) {
        chunks = [];
        if (length <= MAX_DRAINED_BYTES) return;
        // Destroying the stream would destroy the connection, and the answer with it.
        stream.pause();
        finish(tooLarge());
      } else if (store.take(chunk.length)) {
        held += chunk.length;
        chunks.push(chunk);
      } else {
        stream.pause();
        finish(overloaded());
      }
    };
    const onEnd = (): void => finish(length > MAX_BODY_BYTES ? tooLarge() : undefined);
    const onCut = (): void => finish(unreadable('The request body ended too early.'));
    // Cut before anybody listened: it says nothing any more.
    if (stream.destroyed) onCut();
    else stream.on('data', onData).on('end', onEnd).on('error', onCut).on('close', onCut);
  });
}

function tooLarge(): Fault {
  return new Fault(
    'BODY_TOO_LARGE',
    `The request body must not be longer than ${MAX_BODY_BYTES} bytes.`,
  );
}

const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A byte-order mark is no part of JSON (RFC 8259 §8.1) nor of a form. */
function decodeUtf8(bytes: Uint8Array): string {
  let text: string;
  try {
    text = UTF_8.decode(bytes);
  } catch (error) {
    throw unreadable('The request body is not valid UTF-8.', error);
  }
  if (text.startsWith('\uFEFF'))
    throw unreadable('The request body begins with a byte-order mark.');
  return text;
}
