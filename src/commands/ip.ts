import type { Command } from 'commander';
import type { Json } from '../base/json.ts';
import { formatTime } from '../base/time.ts';
import {
  addIpRange,
  listIpRanges,
  removeIpRange,
  type IpAllowListEntry,
} from '../businesses/ip-allow-list.ts';
import type { CommandDeps } from './command-deps.ts';
import { withDatabase } from './open-database.ts';
import { businessCommand, requireBusiness, type BusinessOptions } from './operator-command.ts';
import { parseId } from './parse-option.ts';
import { pairs, respond, table, type Answer } from './respond.ts';

interface AddOptions extends BusinessOptions {
  readonly range: string;
  readonly label: string;
}

export function addIpCommands(program: Command, deps: CommandDeps): void {
  const ip = program
    .command('ip')
    .description('The allow-list of a business. An empty list lets nobody in.');
  businessCommand(ip, 'add', 'Lets an address or a CIDR block in.')
    .requiredOption('--range <range>', 'one address, or a block such as 203.0.113.0/24')
    .option('--label <text>', 'what it is', '')
    .action(async (options: AddOptions) => {
      respond(deps, options, await add(deps, options));
    });
  businessCommand(ip, 'remove', 'Takes an entry off the list.')
    .requiredOption('--entry <id>', 'the entry, as ip list shows it', parseId)
    .action(async (options: BusinessOptions & { entry: string }) => {
      respond(deps, options, await remove(deps, options));
    });
  businessCommand(ip, 'list', 'Lists the entries in the order in which they were added.').action(
    async (options: BusinessOptions) => {
      respond(deps, options, await list(deps, options));
    },
  );
}

async function add(deps: CommandDeps, options: AddOptions): Promise<Answer> {
  const { business: businessId, range, label } = options;
  const at = deps.clock.now();
  const entry = await withDatabase(deps, async (database) => {
    await requireBusiness(database, businessId);
    return await database.transaction(
      async (tx) => await addIpRange(tx, deps.ids, { businessId, range, label, at }),
    );
  });
  return {
    json: entryJson(entry),
    lines: pairs([
      ['entry', entry.entryId],
      ['range', entry.range],
      ['label', entry.label],
    ]),
  };
}

async function remove(
  deps: CommandDeps,
  options: BusinessOptions & { entry: string },
): Promise<Answer> {
  const { business: businessId, entry: entryId } = options;
  await withDatabase(deps, async (database) => {
    await database.transaction(async (tx) => {
      await removeIpRange(tx, { businessId, entryId });
    });
  });
  return {
    json: { businessId, entryId, removed: true },
    lines: [`entry ${entryId} is off the list`],
  };
}

async function list(deps: CommandDeps, options: BusinessOptions): Promise<Answer> {
  const entries = await withDatabase(deps, async (database) => {
    await requireBusiness(database, options.business);
    return await listIpRanges(database, options.business);
  });
  return {
    json: entries.map(entryJson),
    lines: table(
      ['ENTRY', 'RANGE', 'CREATED', 'LABEL'],
      entries.map((entry) => [
        entry.entryId,
        entry.range,
        formatTime(entry.createdAt),
        entry.label,
      ]),
      'the list is empty: it lets nobody in',
    ),
  };
}

function entryJson(entry: IpAllowListEntry): { readonly [key: string]: Json } {
  const { entryId, range, label, createdAt } = entry;
  return { entryId, range, label, createdAt: formatTime(createdAt) };
}
