import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The requests whose answers have not been read yet. */
export interface OpenRequests {
  /** How many requests of a connection wait for their answers. */
  readonly count: (socket: Socket) => number;
  readonly begin: (socket: Socket, answer: ServerResponse) => void;
  /** Looks at them from now on; ended by the function that it gives. */
  readonly watch: (patience: AnswerPatience) => () => void;
}

export interface AnswerPatience {
  /** A connection whose reader has left an answer unread for so long is closed. */
  readonly answerMs: number;
  readonly checkEveryMs: number;
}

export function createOpenRequests(): OpenRequests {
  const counts = new WeakMap<Socket, number>();
  /** By answer, how often it was seen written and unread. */
  const open = new Map<ServerResponse, number>();
  const count = (socket: Socket): number => counts.get(socket) ?? 0;
  return {
    count,
    begin: (socket, answer) => {
      counts.set(socket, count(socket) + 1);
      open.set(answer, 0);
      answer.once('close', () => {
        counts.set(socket, count(socket) - 1);
        open.delete(answer);
      });
    },
    watch: ({ answerMs, checkEveryMs }) => {
      const mostLooks = Math.ceil(answerMs / checkEveryMs);
      const timer = setInterval(() => lookForUnread(open, mostLooks), checkEveryMs);
      timer.unref();
      return () => clearInterval(timer);
    },
  };
}

/**
 * An answer that nobody reads keeps its bytes and its connection for as long as its reader likes: no time-out
 * of the runtime ends it while a byte is taken now and then.
 */
function lookForUnread(open: Map<ServerResponse, number>, mostLooks: number): void {
  for (const [answer, looks] of open) {
    if (!answer.writableEnded) continue;
    if (looks >= mostLooks) answer.destroy();
    else open.set(answer, looks + 1);
  }
}
