import type { Command } from 'commander';
import type { CommandDeps } from './command-deps.ts';
import { CommandFailure, EXIT } from './exit-code.ts';
import { operatorCommand } from './operator-command.ts';
import { respond, table, type OutputOptions } from './respond.ts';

export function addDoctorCommand(program: Command, deps: CommandDeps): void {
  operatorCommand(
    program,
    'doctor',
    'Says what is wrong with this configuration, network by network, and how to mend it; exit code 1 if something is. Changes nothing.',
  ).action(async (options: OutputOptions) => {
    await diagnose(deps, options);
  });
}

const WORDS = { ok: 'ok', warn: 'warn', fail: 'FAIL' } as const;

async function diagnose(deps: CommandDeps, options: OutputOptions): Promise<void> {
  // Loaded only now: it derives the treasury's addresses, and the API process loads nothing that can sign.
  const { examineInstallation } = await import('./examine-installation.ts');
  const findings = await examineInstallation(deps);
  const failures = findings.filter(({ level }) => level === 'fail').length;
  const rows = findings.map(({ level, network, what, mend }) => [
    WORDS[level],
    network ?? '-',
    what,
    mend ?? '',
  ]);
  respond(deps, options, {
    json: { healthy: failures === 0, findings: findings.map((finding) => ({ ...finding })) },
    lines: table(['', 'NETWORK', 'WHAT', 'HOW TO MEND IT'], rows, 'nothing was looked at'),
  });
  if (failures === 0) return;
  throw new CommandFailure(
    EXIT.no,
    failures === 1 ? 'one thing is wrong' : `${failures} things are wrong`,
  );
}
