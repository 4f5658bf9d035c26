import { headOf, type ChainCore } from './chain-core.ts';
import { garble } from './garble.ts';
import type { NodeSwitches } from './node-switches.ts';
import { HONEST, type NodeSelf } from './node-view.ts';
import { NodeTrouble, type TronNode } from './node.ts';
import { asObject, JavaError, type JsonObject, type Question } from './question.ts';
import { routeOf } from './routes.ts';
import type { Serial } from './serial.ts';

export function createNode(core: ChainCore, name: string, serial: Serial): TronNode {
  const self: NodeSelf = {
    name,
    switches: HONEST,
    frozenAt: null,
    taken: new Map(),
    refused: new Set(),
    garbled: 0,
  };
  return {
    name,
    get switches() {
      return self.switches;
    },
    set: (changes) => {
      change(core, self, changes);
    },
    post: async (path, body) => {
      const { manners } = self.switches;
      if (manners === 'silent' || manners === 'refused') throw new NodeTrouble(manners);
      if (manners === 'unavailable' || manners === 'broken') throw new NodeTrouble(manners);
      if (manners === 'empty') return {};
      if (manners === 'overloaded') return OVERLOADED;
      const answer = await answerOf({ core, self, serial }, path, body);
      if (manners === 'well') return answer;
      self.garbled += 1;
      return garble(answer, self.garbled);
    },
  };
}

const OVERLOADED = {
  Error: 'class java.lang.IllegalAccessException : lack of computing resources',
};

function change(core: ChainCore, self: NodeSelf, changes: Partial<NodeSwitches>): void {
  if (changes.frozen === true && self.frozenAt === null) {
    self.frozenAt = { tip: headOf(core), solidNumber: core.solidNumber };
  }
  if (changes.frozen === false) self.frozenAt = null;
  self.switches = { ...self.switches, ...changes };
  if (changes.keepsToItself !== false) return;
  // What it kept goes to the others now.
  for (const entry of core.pool.values()) if (entry.onlyAt === self.name) entry.onlyAt = null;
  core.pending = undefined;
}

async function answerOf(
  { core, self, serial }: { core: ChainCore; self: NodeSelf; serial: Serial },
  path: string,
  body: unknown,
): Promise<unknown> {
  const route = routeOf(path);
  if (route === undefined) throw new NodeTrouble('no such path');
  try {
    const given: JsonObject = body === undefined || body === null ? {} : asObject(body);
    const visible = given['visible'] === true || given['visible'] === 'true';
    const { solidity } = route;
    const question: Question = { core, node: self, serial, body: given, visible, solidity };
    return await route.answer(question);
  } catch (error) {
    if (error instanceof JavaError) return { Error: error.message };
    throw error;
  }
}
