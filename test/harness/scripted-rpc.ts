import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a scripted node does with one question. */
export type ScriptedAnswer =
  | { readonly result: unknown }
  | { readonly error: { readonly code: number; readonly message: string; readonly data?: unknown } }
  /** The whole body as it is, with an HTTP status. */
  | { readonly body: string; readonly status?: number }
  /** No answer, ever. */
  | 'hang';

export type Script = Record<string, (params: readonly unknown[]) => ScriptedAnswer>;

/**
 * A JSON-RPC server that says what it is told to say, lies included. `script` may be changed at
 * any time; `asked` lists the methods in the order of the questions.
 */
export interface ScriptedRpc {
  readonly url: string;
  script: Script;
  readonly asked: string[];
  close(): Promise<void>;
}

export async function startScriptedRpc(script: Script): Promise<ScriptedRpc> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const question = JSON.parse(Buffer.concat(chunks).toString()) as Question;
      asked.push(question.method);
      write(response, question, rpc.script[question.method]?.(question.params));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const rpc: ScriptedRpc = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    script,
    asked,
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
  if (answer === 'hang') return;
  if (answer !== undefined && 'body' in answer) {
    response.writeHead(answer.status ?? 200).end(answer.body);
    return;
  }
  const outcome = answer ?? { error: { code: -32601, message: `no ${question.method} here` } };
  response
    .writeHead(200, { 'content-type': 'application/json' })
    .end(JSON.stringify({ jsonrpc: '2.0', id: question.id, ...outcome }));
}
