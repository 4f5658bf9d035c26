// The order of the rooms: each folder of src imports only folders below it in this list.
const rooms = [
  'sandbox',
  'commands',
  'http',
  'webhooks',
  'settlement',
  'treasury',
  'payouts',
  'businesses',
  'networks',
  'outbox',
  'ledger',
  'money',
  'database',
  'metrics',
  'base',
];
const chains = ['evm', 'tron', 'solana', 'bitcoin'];

/** The rooms that start processes read the settings; to all others they are arguments. */
function settingsFor(room) {
  return ['sandbox', 'commands'].includes(room) ? [] : ['config[.]ts'];
}

/** A library and the only place that may import it. */
const homes = [
  ['viem', '^src/networks/evm/'],
  ['pg', '^src/database/'],
  ['fastify|@fastify/[^/]+', '^src/http/'],
  ['undici', '^src/webhooks/'],
  ['pino', '^src/base/log[.]ts$'],
  ['jose', '^src/businesses/'],
  ['lossless-json', '^src/http/'],
  ['commander', '^src/commands/'],
  ['@prometheus-io/client', '^src/metrics/'],
  ['@opentelemetry/api', '^src/base/trace[.]ts$'],
  ['@scure/bip32|@scure/bip39', '^src/treasury/'],
  ['@scure/btc-signer', '^src/networks/bitcoin/'],
  ['@bufbuild/protobuf', '^src/networks/tron/'],
];

export default {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...rooms.map((room, index) => ({
      name: `only-downwards-from-${room}`,
      severity: 'error',
      from: { path: `^src/${room}/`, pathNot: '[.]test[.]ts$' },
      to: {
        path: `^src/(${['main[.]ts', ...settingsFor(room), ...rooms.slice(0, index)].join('|')})(/|$)`,
      },
    })),
    {
      name: 'internal-is-private',
      severity: 'error',
      from: { path: '^src/([^/]+)/' },
      to: { path: '^src/([^/]+)/internal/', pathNot: '^src/$1/internal/' },
    },
    ...chains.map((chain) => ({
      name: `${chain}-is-a-stranger-to-other-chains`,
      severity: 'error',
      from: { path: `^src/networks/${chain}/` },
      to: { path: `^src/networks/(${chains.filter((other) => other !== chain).join('|')})/` },
    })),
    {
      name: 'nodes-know-no-chain',
      severity: 'error',
      from: { path: '^src/networks/nodes/', pathNot: '[.]test[.]ts$' },
      to: { path: `^src/networks/(${chains.join('|')})/` },
    },
    {
      name: 'local-chains-share-nothing-with-the-product',
      comment: 'A mistake of a driver must not be the mistake of the chain that it is tested on.',
      severity: 'error',
      from: { path: '^local-chains/' },
      to: { path: '^(src|test)/' },
    },
    {
      name: 'local-chains-are-run-not-imported',
      severity: 'error',
      from: { path: '^src/', pathNot: '[.]test[.]ts$' },
      to: { path: '^local-chains/' },
    },
    ...homes.map(([library, home]) => ({
      name: `one-home-for-${library}`,
      severity: 'error',
      from: { path: '^src/', pathNot: [home, '[.]test[.]ts$'] },
      to: { path: `^node_modules/(${library})/` },
    })),
    {
      name: 'http-reaches-no-signer',
      comment: 'The API process cannot sign: no import path leads from HTTP to a key.',
      severity: 'error',
      from: { path: ['^src/http/', '^src/commands/run-api[.]ts$'] },
      to: {
        path: [
          '^src/treasury/.*signer',
          '^src/networks/[^/]+/([^/]*driver|payer|sign-[^/]*|broadcast)[.]ts$',
          '^src/settlement/(submit|tend-lanes|carry-adrift|keep-up|broadcast)',
        ],
        reachable: true,
      },
    },
    {
      name: 'only-config-reads-the-environment',
      comment: 'The tidy test checks the text; this rule keeps config.ts out of every room.',
      severity: 'error',
      from: { path: '^src/(?!main[.]ts|commands/|sandbox/)', pathNot: '[.]test[.]ts$' },
      to: { path: '^src/config[.]ts$' },
    },
    {
      name: 'tests-are-not-imported',
      severity: 'error',
      from: { path: '^src/', pathNot: '[.]test[.]ts$' },
      to: { path: '[.]test[.]ts$|^test/' },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-development-library-in-production',
      severity: 'error',
      from: { path: '^src/', pathNot: ['[.]test[.]ts$', '^src/sandbox/'] },
      to: { dependencyTypes: ['npm-dev'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
