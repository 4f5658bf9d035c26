import type { Command } from 'commander';
import type { Json } from '../base/json.ts';
import { formatTime } from '../base/time.ts';
import { readRegistry } from '../config.ts';
import type { Database } from '../database/database.ts';
import { formatUnits } from '../money/amount.ts';
import type { AssetRegistry } from '../networks/registry.ts';
import { findNetworkStates, type NetworkState } from '../settlement/network-state.ts';
import { findReconciliations, type Reconciliation } from '../settlement/reconciliation.ts';
import { findStopCauses } from '../settlement/stop-causes.ts';
import type { CommandDeps } from './command-deps.ts';
import { LONG_STATEMENT_MS, withDatabase } from './open-database.ts';
import { operatorCommand } from './operator-command.ts';
import { pairs, respond, type OutputOptions } from './respond.ts';

/** A network as settlement has it, and what of it a person should know. */
interface NetworkView {
  readonly state: NetworkState;
  /** Sentences, each with what accepts it; empty where nothing is in the way. */
  readonly inTheWay: readonly { readonly subject: string | null; readonly sentence: string }[];
  readonly tokens: readonly TokenView[];
}

interface TokenView {
  readonly row: Reconciliation;
  /** An amount of the token, in whole tokens; in units where its decimals are not configured. */
  readonly amount: (units: bigint) => string;
}

export function addNetworkStatus(network: Command, deps: CommandDeps): void {
  operatorCommand(
    network,
    'status',
    'Shows where settlement stands on each network: who pays, what stops it, and how far it is reconciled.',
  ).action(async (options: OutputOptions) => {
    const registry = readRegistry(deps.terminal.env);
    const views = await withDatabase(deps, async (database) => await look(database, registry), {
      statementTimeoutMs: LONG_STATEMENT_MS,
    });
    const none = 'settlement has run on no network yet';
    const lines = views.flatMap((view, index) =>
      index === 0 ? textOf(view) : ['', ...textOf(view)],
    );
    respond(deps, options, {
      json: views.map(jsonOf),
      lines: views.length === 0 ? [none] : lines,
    });
  });
}

async function look(database: Database, registry: AssetRegistry): Promise<NetworkView[]> {
  const views: NetworkView[] = [];
  for (const state of await findNetworkStates(database)) {
    const { network } = state;
    const causes = await findStopCauses(database, network, (id, token) =>
      registry.asset(id, token),
    );
    const rows = await findReconciliations(database, network);
    views.push({
      state,
      inTheWay: causes.map(({ kind, subject, sentence }) => ({
        subject: kind === 'LEDGER' ? null : subject,
        sentence,
      })),
      tokens: rows.map((row) => ({
        row,
        amount: (units) => formatUnits(units, registry.asset(network, row.token)?.decimals ?? 0),
      })),
    });
  }
  return views;
}

function jsonOf({ state, inTheWay, tokens }: NetworkView): Json {
  const { network, payer, nextNumber, stoppedFor, final } = state;
  return {
    network,
    payer,
    nextNumber: nextNumber.toString(),
    stoppedFor,
    inTheWay: inTheWay.map(({ subject, sentence }) => ({ accept: subject, problem: sentence })),
    finalBlock: final === null ? null : { number: final.number.toString(), hash: final.hash },
    tokens: tokens.map(({ row, amount }) => ({
      token: row.token,
      openedBlock: row.openedNumber.toString(),
      scannedBlock: row.scannedNumber.toString(),
      checkedBlock: row.checkedNumber.toString(),
      opening: amount(row.openingUnits),
      in: amount(row.inUnits),
      out: amount(row.outUnits),
      adjusted: amount(row.adjustedUnits),
      onChain: amount(row.chainUnits),
      difference: amount(row.differenceUnits),
      paid: amount(row.paidUnits),
      signedAndOpen: amount(row.openUnits),
      updatedAt: formatTime(row.updatedAt),
    })),
  };
}

function textOf({ state, inTheWay, tokens }: NetworkView): string[] {
  const { network, payer, nextNumber, stoppedFor, final } = state;
  return pairs([
    ['network', network],
    ['payer', payer],
    ['stopped, because', stoppedFor ?? '-'],
    ...inTheWay.map(({ subject, sentence }): [string, string] => [
      'in the way',
      subject === null ? sentence : `${sentence} (--accept ${subject})`,
    ]),
    ['final block', final === null ? '-' : `${final.number} ${final.hash}`],
    ['next number', nextNumber.toString()],
    ...tokens.map((view): [string, string] => [view.row.token, figuresOf(view)]),
  ]);
}

function figuresOf({ row, amount }: TokenView): string {
  const since = `${amount(row.openingUnits)} at block ${row.openedNumber}`;
  const moved = `${amount(row.inUnits)} in, ${amount(row.outUnits)} out, ${amount(row.adjustedUnits)} adjusted`;
  const now = `${amount(row.chainUnits)} on chain at block ${row.checkedNumber}`;
  const ours = `${amount(row.paidUnits)} paid, ${amount(row.openUnits)} signed and open`;
  return `reconciled to block ${row.scannedNumber}: ${since}, ${moved}; ${now}; ${ours}`;
}
