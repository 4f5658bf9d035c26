import type { Command } from 'commander';
import { Fault } from '../base/fault.ts';
import { formatTime } from '../base/time.ts';
import { accessOf, ConfigProblem, readNetworkConfig, type NetworkConfig } from '../config.ts';
import type { Database, Queryable } from '../database/database.ts';
import type { NetworkId } from '../money/asset.ts';
import { NetworkUnreachable, type SequenceCount } from '../networks/account-reader.ts';
import { sameAddress } from '../networks/address.ts';
import { familyOf } from '../networks/family.ts';
import { openAccountReader } from '../networks/open-account-reader.ts';
import { adoptSequence, listLanes, type Lane } from '../settlement/lanes.ts';
import type { CommandDeps } from './command-deps.ts';
import { confirm } from './confirm.ts';
import { CommandFailure, EXIT } from './exit-code.ts';
import { withDatabase } from './open-database.ts';
import { operatorCommand, withConfirmation, type ConfirmOptions } from './operator-command.ts';
import { parseNetwork } from './parse-option.ts';
import { respond, table, type Answer, type OutputOptions } from './respond.ts';

interface AdoptOptions extends OutputOptions, ConfirmOptions {
  readonly network: NetworkId;
  readonly sender: string;
}

export function addLaneCommands(program: Command, deps: CommandDeps): void {
  const lane = program
    .command('lane')
    .description('Where each sender stands: the next transaction that Knit signs.');
  operatorCommand(lane, 'list', 'Lists the lanes and who holds them now.').action(
    async (options: OutputOptions) => {
      respond(deps, options, await list(deps));
    },
  );
  withConfirmation(
    operatorCommand(
      lane,
      'adopt',
      'Moves a lane past transactions that Knit did not make, up to what the chain counts as final, and lets a stopped lane go on.',
    ),
  )
    .requiredOption('--network <network>', 'the network', parseNetwork)
    .requiredOption('--sender <address>', 'the sender, as lane list shows it')
    .action(async (options: AdoptOptions) => {
      respond(deps, options, await adopt(deps, options));
    });
}

async function list(deps: CommandDeps): Promise<Answer> {
  const lanes = await withDatabase(deps, async (database) => await listLanes(database));
  const now = deps.clock.now();
  const holderOf = ({ holderId, leaseUntil }: Lane): string | null =>
    leaseUntil > now ? holderId : null;
  return {
    json: lanes.map((lane) => ({
      network: lane.network,
      sender: lane.sender,
      role: lane.role,
      nextSequence: countsTransactions(lane.network) ? lane.nextSequence.toString() : null,
      holderId: holderOf(lane),
      leaseUntil: formatTime(lane.leaseUntil),
      stoppedFor: lane.stoppedFor,
    })),
    lines: table(
      ['NETWORK', 'SENDER', 'ROLE', 'NEXT', 'HELD BY', 'LEASE UNTIL', 'STOPPED, BECAUSE'],
      lanes.map((lane) => [
        lane.network,
        lane.sender,
        lane.role,
        countsTransactions(lane.network) ? lane.nextSequence.toString() : 'none',
        holderOf(lane) ?? '-',
        formatTime(lane.leaseUntil),
        lane.stoppedFor ?? '-',
      ]),
      'there is no lane yet: the worker opens them',
    ),
  };
}

/** Elsewhere each transaction stands alone, and there is no place in an order to be at. */
function countsTransactions(network: NetworkId): boolean {
  return familyOf(network) === 'evm';
}

async function adopt(deps: CommandDeps, options: AdoptOptions): Promise<Answer> {
  const { network } = options;
  const networkConfig = readNetworkConfig(deps.terminal.env);
  return await withDatabase(deps, async (database, config) => {
    const lane = await requireLane(database, options);
    const { sender, nextSequence, stoppedFor } = lane;
    if (!countsTransactions(network) && stoppedFor === null) throw nothingToAdopt(network);
    const counted = await countFinal(networkConfig, lane);
    const next = counted > nextSequence ? counted : nextSequence;
    if (next === nextSequence && stoppedFor === null) {
      return adoptAnswer(lane, { adopted: false, next });
    }
    await confirm(deps, config, {
      title: titleOf(lane, counted),
      facts: [
        ['network', network],
        ['sender', sender],
        ...(stoppedFor === null ? [] : [['stopped, because', stoppedFor] as const]),
        ['Knit made', `${nextSequence} transactions`],
        [
          'the chain counts',
          `${counted} transactions${counted > nextSequence ? ', all of them final' : ''}`,
        ],
        ['next to be signed', `sequence ${next}`],
      ],
      confirmation: options.confirm,
    });
    const adopted = await move(database, lane, { nextSequence: next, at: deps.clock.now() });
    return adoptAnswer(lane, { adopted, next });
  });
}

function nothingToAdopt(network: NetworkId): CommandFailure {
  const where = '"knit network status" shows what is in the way there';
  return new CommandFailure(
    EXIT.no,
    `${network} counts no transactions of a sender, so there is nothing to adopt: ${where}`,
  );
}

function titleOf(lane: Lane, counted: bigint): string {
  const beyond = counted - lane.nextSequence;
  const what =
    beyond > 0n
      ? `Accepts ${beyond} transactions that Knit did not make.`
      : 'Accepts a transaction that Knit did not make.';
  switch (lane.role) {
    case 'TREASURY':
      return `${what} Whoever made them has the key of the treasury. A payout that they paid will be paid again by Knit.`;
    case 'GAS':
      return `${what} Whoever made them has the key of a gas account and its coins; it cannot move the treasury's tokens.`;
  }
}

async function requireLane(db: Queryable, options: AdoptOptions): Promise<Lane> {
  const { network, sender } = options;
  const lane = (await listLanes(db)).find(
    (candidate) => candidate.network === network && sameAddress(network, candidate.sender, sender),
  );
  if (lane === undefined) throw new Fault('NOT_FOUND', `No lane of ${sender} on ${network}`);
  return lane;
}

/**
 * The chain's own count, and not a number of the operator's: one too high would leave a gap that no
 * later transaction can pass. Not before it is final: a reorganisation would leave the same gap.
 */
async function countFinal(config: NetworkConfig, lane: Lane): Promise<bigint> {
  const { network, sender, nextSequence } = lane;
  if (!config.enabledNetworks.includes(network)) {
    throw new ConfigProblem(`KNIT_NETWORKS: ${network} is not enabled`);
  }
  if (!countsTransactions(network)) return nextSequence;
  const count = await ask(async () => {
    const reader = openAccountReader(network, accessOf(config, network));
    return await reader.sequence(sender);
  });
  if (count.latest > nextSequence && count.final < count.latest) {
    throw new CommandFailure(
      EXIT.no,
      `the chain counts ${count.latest} transactions, of which ${count.final} are final: try again when all are`,
    );
  }
  return count.latest;
}

async function ask(question: () => Promise<SequenceCount>): Promise<SequenceCount> {
  try {
    return await question();
  } catch (error) {
    if (!(error instanceof NetworkUnreachable)) throw error;
    throw new CommandFailure(EXIT.unreachable, `the network is not reachable: ${error.message}`);
  }
}

async function move(
  database: Database,
  lane: Lane,
  to: { readonly nextSequence: bigint; readonly at: Date },
): Promise<boolean> {
  const { network, sender } = lane;
  return await adoptSequence(database, { network, sender, ...to });
}

function adoptAnswer(lane: Lane, result: { adopted: boolean; next: bigint }): Answer {
  const { network, sender } = lane;
  const next = result.next.toString();
  return {
    json: { network, sender, adopted: result.adopted, nextSequence: next },
    lines: [
      result.adopted
        ? `the lane goes on at sequence ${next}`
        : `nothing to do: the lane is not stopped, and the chain counts no transaction of ${sender} that Knit did not make`,
    ],
  };
}
