import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { ConfigProblem } from '../config.ts';

/** Two sandboxes may run at once, each with a folder of its own. */
export async function refuseSecondSandbox(folder: string): Promise<void> {
  let inbox: unknown;
  try {
    const content = JSON.parse(await readFile(resolve(folder, 'sandbox.json'), 'utf8')) as object;
    inbox = 'webhookInbox' in content ? content.webhookInbox : undefined;
  } catch {
    return;
  }
  if (typeof inbox === 'string' && (await answers(inbox))) {
    throw new ConfigProblem(`KNIT_SANDBOX_DIR: a sandbox runs from ${folder}; set another folder`);
  }
}

export async function refuseUsedPort(port: number): Promise<void> {
  const probe = createServer();
  await new Promise<void>((done, fail) => {
    probe.once('error', () => {
      fail(new ConfigProblem(`PORT: ${port} is in use; set PORT to another one`));
    });
    probe.listen(port, '127.0.0.1', () => {
      probe.close(() => done());
    });
  });
}

/** Whether a server answers there, and well. */
export async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}
