import { EXIT } from '../../src/commands/exit-code.ts';
import { readArguments, WrongUsage, type Asked } from './arguments.ts';
import { FINDING_KINDS } from './findings.ts';
import { PLANTS } from './plants.ts';
import { run } from './run.ts';
import { startWorldServer } from './server.ts';

// npm run simulate. Progress goes to stderr; the last line on stdout is the result.

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function simulate(asked: Extract<Asked, { kind: 'run' }>): Promise<void> {
  const server = await startWorldServer();
  const startedMs = performance.now();
  try {
    const { result } = await run(server, { ...asked, progress: say });
    const seconds = (performance.now() - startedMs) / 1000;
    say(`${Math.round(asked.payouts / seconds)} payouts/s`);
    process.stdout.write(`${JSON.stringify(result)}\n`);
    const isClean = FINDING_KINDS.every((kind) => result[kind] === 0);
    process.exitCode = isClean ? EXIT.done : EXIT.no;
  } finally {
    await server.stop();
  }
}

// The guard of the server's process ends it, whatever ends this one.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => process.exit(code));
}

try {
  const asked = readArguments(process.argv.slice(2), PLANTS);
  if (asked.kind === 'run') await simulate(asked);
  else process.stdout.write(`${JSON.stringify({ plants: PLANTS.map(({ name }) => name) })}\n`);
} catch (error) {
  const isUsage = error instanceof WrongUsage;
  const message = error instanceof Error ? error.message : String(error);
  say(`simulate: ${message.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim()}`);
  process.exitCode = isUsage ? EXIT.usage : EXIT.internal;
}
