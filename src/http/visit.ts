import type { IncomingHttpHeaders } from 'node:http';
import type { Span, Trace } from '../base/trace.ts';
import type { Admission, Caller } from '../businesses/caller.ts';
import type { JsonObject } from './json-number.ts';
import type { Place } from './work-limit.ts';

/** A request on its way through the steps of `server.ts`. */
export interface Visit {
  readonly requestId: string;
  /** The socket's address, or what named proxies forwarded; IPv4-mapped IPv6 as IPv4. */
  readonly clientIp: string;
  /** Without Content-Type, which is put aside. */
  readonly headers: IncomingHttpHeaders;
  readonly contentType: string | undefined;
  /** The work for this request: a part of the caller's trace, or of one that begins here. */
  readonly span: Span;
  /** The route as it is written, "/api/v1/payouts/:id"; null where there is none. */
  readonly route: string | null;
  readonly place: Place;
  /** Who sent it: known after `authenticate`. */
  admission: Admission | undefined;
}

/** A step of the way. It throws the fault that ends the request. */
export type Step = (visit: Visit) => Promise<void> | void;

/** What an operation that anybody may call is given. */
export interface PublicCall {
  readonly requestId: string;
  /** The caller's trace, or one that begins here. */
  readonly trace: Trace;
  readonly clientIp: string;
  readonly headers: IncomingHttpHeaders;
  /** Each Idempotency-Key header by itself: joined, two keys would look like one. */
  readonly idempotencyKeys: readonly string[];
  /** The variable parts of the path. */
  readonly path: Readonly<Record<string, string>>;
  readonly query: JsonObject;
  /** The fields of the body; none where there is no body. */
  readonly body: JsonObject;
}

/** What an operation of a business is given. */
export interface TenantCall extends PublicCall {
  readonly caller: Caller;
}
