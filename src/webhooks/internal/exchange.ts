import type { Dispatcher } from 'undici';
import { EXCERPT_BYTES, excerptOf } from './excerpt.ts';

/** What came of one request. `status` of a failed one: it began to answer, but did not end in time. */
export type SendOutcome =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly retryAfter: string | undefined;
      readonly bodyExcerpt: string;
    }
  | { readonly kind: 'failed'; readonly reason: string; readonly status: number | null };

/** The most that is read of an answer. A longer one is broken off: its status has been heard. */
const READ_BYTES = 16_384;

/**
 * One request and its answer, heard straight from the client's connection. It ends once: by the answer, by
 * an error, or by {@link Exchange.fail}, whichever comes first; what comes later is nobody's concern.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  private readonly end: (outcome: SendOutcome) => void;
  private readonly reasonOf: (error: Error) => string;
  private controller: Dispatcher.DispatchController | undefined;
  isOver = false;
  private status: number | null = null;
  private retryAfter: string | undefined;
  private readonly chunks: Buffer[] = [];
  private length = 0;

  constructor(end: (outcome: SendOutcome) => void, reasonOf: (error: Error) => string) {
    this.end = end;
    this.reasonOf = reasonOf;
  }

  /** Ends it as failed, and breaks the connection off. */
  fail(reason: string): void {
    if (this.isOver) return;
    this.finish({ kind: 'failed', reason, status: this.status });
    this.controller?.abort(new Error(reason));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    // It had waited for its connection for too long: nothing is sent any more.
    if (this.isOver) controller.abort(new Error('the time is over'));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    // 1xx only announces the answer (RFC 9110 §15.2).
    if (status < 200) return;
    const { 'retry-after': retryAfter } = headers;
    this.status = status;
    this.retryAfter = Array.isArray(retryAfter) ? retryAfter[0] : retryAfter;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.length < EXCERPT_BYTES) this.chunks.push(chunk);
    this.length += chunk.length;
    if (this.length <= READ_BYTES) return;
    this.answered();
    controller.abort(new Error('enough was read'));
  }

  onResponseEnd(): void {
    this.answered();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.isOver) return;
    this.finish({ kind: 'failed', reason: this.reasonOf(error), status: this.status });
  }

  private answered(): void {
    const { status, retryAfter } = this;
    if (this.isOver || status === null) return;
    this.finish({ kind: 'answered', status, retryAfter, bodyExcerpt: excerptOf(this.chunks) });
  }

  private finish(outcome: SendOutcome): void {
    this.isOver = true;
    this.end(outcome);
  }
}
