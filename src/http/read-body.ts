import type { Readable } from 'node:stream';
import { Fault, validationFault } from '../base/fault.ts';
import { isJsonObject, type JsonObject } from './json-number.ts';
import { readForm } from './read-form.ts';
import { readJson, unreadable } from './read-json.ts';

/** The longest body that is read, in bytes. A payout has about 200. */
export const MAX_BODY_BYTES = 64 * 1024;

/** Of a longer body so much is still taken off the wire, so that its sender gets to read the answer. */
const MAX_DRAINED_BYTES = 32 * 1024 * 1024;

/** The two headers that say how a body is written. */
export interface BodyHeaders {
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
}

/**
 * Reads the fields of a request. A body that is JSON is read as JSON whatever its type says, because
 * curl calls any text a form; a form is taken as a form. No body has no fields. Throws
 * BODY_TOO_LARGE, BODY_UNREADABLE, ENCODING_UNSUPPORTED, VALIDATION_FAILED (JSON, but no object).
 */
export async function readBody(stream: Readable, headers: BodyHeaders): Promise<JsonObject> {
  const bytes = await collect(stream);
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

async function collect(stream: Readable): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    // Destroying the stream would destroy the connection, and the answer with it.
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
      if (!(chunk instanceof Uint8Array)) continue;
      length += chunk.length;
      if (length <= MAX_BODY_BYTES) chunks.push(chunk);
      if (length > MAX_DRAINED_BYTES) break;
    }
  } catch (error) {
    throw unreadable('The request body ended too early.', error);
  }
  if (length > MAX_BODY_BYTES) {
    throw new Fault(
      'BODY_TOO_LARGE',
      `The request body must not be longer than ${MAX_BODY_BYTES} bytes.`,
    );
  }
  return Buffer.concat(chunks);
}

/** A byte-order mark is no part of JSON (RFC 8259 §8.1) nor of a form. */
function decodeUtf8(bytes: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw unreadable('The request body is not valid UTF-8.', error);
  }
  if (text.startsWith('\uFEFF'))
    throw unreadable('The request body begins with a byte-order mark.');
  return text;
}
