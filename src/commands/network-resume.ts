import { InvalidArgumentError, type Command } from 'commander';
import { Fault } from '../base/fault.ts';
import { readRegistry } from '../config.ts';
import type { Database, Queryable, Tx } from '../database/database.ts';
import type { NetworkId } from '../money/asset.ts';
import {
  findNetworkStates,
  resumeNetwork,
  type NetworkState,
} from '../settlement/network-state.ts';
import type { AssetOf } from '../settlement/order.ts';
import { acceptCause, findStopCauses, type StopCause } from '../settlement/stop-causes.ts';
import type { CommandDeps } from './command-deps.ts';
import { confirm } from './confirm.ts';
import { CommandFailure, EXIT } from './exit-code.ts';
import { LONG_STATEMENT_MS, withDatabase } from './open-database.ts';
import { operatorCommand, withConfirmation, type ConfirmOptions } from './operator-command.ts';
import { collect, parseNetwork } from './parse-option.ts';
import { respond, type Answer, type OutputOptions } from './respond.ts';

interface ResumeOptions extends OutputOptions, ConfirmOptions {
  readonly network: NetworkId;
  readonly accept?: readonly string[];
  readonly by?: string;
  readonly because?: string;
}

const MAX_TEXT = 1_000;

export function addNetworkResume(network: Command, deps: CommandDeps): void {
  withConfirmation(
    operatorCommand(
      network,
      'resume',
      'Lets a stopped network sign again. Refuses while anything is in the way that is not accepted by name.',
    ),
  )
    .requiredOption('--network <network>', 'the network', parseNetwork)
    .option(
      '--accept <name>',
      'what is in the way and you can explain, as network status names it; may be repeated',
      collect,
    )
    .option('--by <name>', 'who accepts it', parseText)
    .option('--because <text>', 'why; kept with it', parseText)
    .action(async (options: ResumeOptions) => {
      respond(deps, options, await resume(deps, options));
    });
}

function parseText(text: string): string {
  const trimmed = text.trim();
  if (trimmed.length > 0 && trimmed.length <= MAX_TEXT) return trimmed;
  throw new InvalidArgumentError(`It must have 1 to ${MAX_TEXT} characters.`);
}

/** What a person takes upon themselves. */
interface Decision {
  readonly state: NetworkState;
  readonly accepted: readonly StopCause[];
  readonly by: string;
  readonly because: string;
}

async function resume(deps: CommandDeps, options: ResumeOptions): Promise<Answer> {
  const registry = readRegistry(deps.terminal.env);
  const assetOf: AssetOf = (id, token) => registry.asset(id, token);
  const work = async (
    database: Database,
    config: Parameters<typeof confirm>[1],
  ): Promise<Answer> => {
    const state = await requireState(database, options.network);
    const causes = await findStopCauses(database, options.network, assetOf);
    const decision = decide(state, causes, options);
    if (state.stoppedFor === null && decision.accepted.length === 0) return answer(decision, false);
    await confirm(deps, config, {
      title: 'Lets Knit sign payouts on a network that was stopped.',
      facts: factsOf(decision),
      confirmation: options.confirm,
    });
    await database.transaction(async (tx) => {
      await apply(tx, deps, { decision, assetOf });
    });
    return answer(decision, state.stoppedFor !== null);
  };
  return await withDatabase(deps, work, { statementTimeoutMs: LONG_STATEMENT_MS });
}

async function requireState(db: Queryable, network: NetworkId): Promise<NetworkState> {
  const state = (await findNetworkStates(db)).find((candidate) => candidate.network === network);
  if (state !== undefined) return state;
  throw new Fault('NOT_FOUND', `Settlement has not run on ${network} yet`);
}

/** Throws where something is in the way that is not accepted, or accepted that is not in the way. */
function decide(
  state: NetworkState,
  causes: readonly StopCause[],
  options: ResumeOptions,
): Decision {
  const { accept = [], by, because } = options;
  const names = [...new Set(accept)];
  const isNamed = (cause: StopCause, name: string): boolean =>
    cause.kind !== 'LEDGER' && cause.subject.toLowerCase() === name.toLowerCase();
  const unknown = names.filter((name) => !causes.some((cause) => isNamed(cause, name)));
  if (unknown.length > 0) throw refusal(`nothing in the way is named ${unknown.join(', ')}`);
  if (names.length > 0 && (by === undefined || because === undefined)) {
    throw new CommandFailure(EXIT.usage, '--accept needs --by and --because');
  }
  const accepted = causes.filter((cause) => names.some((name) => isNamed(cause, name)));
  const left = causes.filter((cause) => !accepted.includes(cause));
  if (left.length > 0) {
    throw refusal(`still in the way: ${left.map(sentenceOf).join('; ')}`);
  }
  return { state, accepted, by: by ?? '', because: because ?? '' };
}

function sentenceOf({ kind, sentence, subject }: StopCause): string {
  return kind === 'LEDGER' ? sentence : `${sentence} (--accept ${subject})`;
}

function refusal(message: string): CommandFailure {
  return new CommandFailure(EXIT.no, message);
}

function factsOf({ state, accepted, by, because }: Decision): [string, string][] {
  const who: [string, string][] =
    accepted.length === 0
      ? []
      : [
          ['accepted by', by],
          ['because', because],
        ];
  return [
    ['network', state.network],
    ['stopped, because', state.stoppedFor ?? '-'],
    ...accepted.map(({ sentence }): [string, string] => ['accepted', sentence]),
    ...who,
  ];
}

/** All or nothing, and only if everything is still as it was shown. */
async function apply(
  tx: Tx,
  deps: CommandDeps,
  work: { readonly decision: Decision; readonly assetOf: AssetOf },
): Promise<void> {
  const { state, accepted, by, because } = work.decision;
  const { network, stoppedFor } = state;
  const at = deps.clock.now();
  const now = new Set((await findStopCauses(tx, network, work.assetOf)).map(identityOf));
  const shown = accepted.map(identityOf);
  if (now.size !== shown.length || !shown.every((it) => now.has(it))) throw changed();
  for (const cause of accepted) {
    const acceptance = {
      network,
      acceptanceId: deps.ids.next(),
      acceptedBy: by,
      because,
      at,
    };
    if (!(await acceptCause(tx, cause, acceptance))) throw changed();
  }
  if (stoppedFor === null) return;
  if (!(await resumeNetwork(tx, { network, stoppedFor, at }))) throw changed();
}

/** A difference is found anew at each final block, which its sentence names. */
function identityOf({ kind, subject, units, sentence }: StopCause): string {
  return kind === 'DIFFERENCE' ? `${kind} ${subject} ${units}` : `${kind} ${subject} ${sentence}`;
}

function changed(): CommandFailure {
  return refusal('nothing was done: what is in the way has changed meanwhile; look again');
}

function answer({ state, accepted }: Decision, resumed: boolean): Answer {
  return {
    json: {
      network: state.network,
      resumed,
      accepted: accepted.map(({ kind, subject, sentence }) => ({
        kind,
        subject,
        problem: sentence,
      })),
    },
    lines: [
      ...accepted.map(({ sentence }) => `accepted: ${sentence}`),
      resumed ? 'the network signs again' : 'nothing to do: the network is not stopped',
    ],
  };
}
