import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a scripted node does with one question. */
export type ScriptedAnswer =
  | { readonly result: unknown }
  | { readonly error: { readonly code: number; readonly message: string; readonly data?: unknown } }
  /** The whole body as it is, with an HTTP status and headers. */
  | {
      readonly body: string;
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** This many bytes of a JSON string that has not ended by then. */
  | { readonly flood: number }
  /** `hang`: no answer, ever; `drip`: one that never ends; `reset` and `cut`: the connection breaks before it, in it. */
  | 'hang'
  | 'drip'
  | 'reset'
  | 'cut';

export type Script = Record<string, (params: readonly unknown[]) => ScriptedAnswer>;

/**
 * A JSON-RPC server that says what it is told to say, lies included. `script` may be changed at
 * any time; `asked` lists the methods in the order of the questions.
 */
export interface ScriptedRpc {
  readonly url: string;
  script: Script;
  readonly asked: string[];
  /** Of the last question. */
  readonly authorization: string | undefined;
  /** How many were ever opened. */
  connections(): number;
  close(): Promise<void>;
}

export async function startScriptedRpc(script: Script): Promise<ScriptedRpc> {
  const asked: string[] = [];
  let authorization: string | undefined;
  let opened = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    authorization = request.headers.authorization;
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const question = JSON.parse(Buffer.concat(chunks).toString()) as Question;
      asked.push(question.method);
      write(response, question, rpc.script[question.method]?.(question.params));
    });
  });
  server.on('connection', () => {
    opened += 1;
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const rpc: ScriptedRpc = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    script,
    asked,
    get authorization() {
      return authorization;
    },
    connections: () => opened,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
  return rpc;
}

interface Question {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}

function write(
  response: ServerResponse,
  question: Question,
  answer: ScriptedAnswer | undefined,
): void {
  if (typeof answer === 'string') {
    misbehave(response, answer);
    return;
  }
  if (answer !== undefined && 'flood' in answer) {
    response.writeHead(200).end(`"${'x'.repeat(answer.flood)}`);
    return;
  }
  if (answer !== undefined && 'body' in answer) {
    response.writeHead(answer.status ?? 200, answer.headers).end(answer.body);
    return;
  }
  const outcome = answer ?? { error: { code: -32601, message: `no ${question.method} here` } };
  response
    .writeHead(200, { 'content-type': 'application/json' })
    .end(JSON.stringify({ jsonrpc: '2.0', id: question.id, ...outcome }));
}

const DRIP_MS = 20;

function misbehave(response: ServerResponse, how: 'hang' | 'drip' | 'reset' | 'cut'): void {
  if (how === 'reset') response.socket?.resetAndDestroy();
  if (how === 'cut') {
    response.writeHead(200, { 'content-length': 100 }).write('{"jsonrpc":"2.0",', () => {
      response.socket?.destroy();
    });
  }
  if (how === 'drip') {
    response.writeHead(200);
    const timer = setInterval(() => response.write(' '), DRIP_MS);
    response.on('close', () => clearInterval(timer));
  }
}
